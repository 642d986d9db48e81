#!/usr/bin/env python3
"""Stands in front of a registry, counts what passes and makes it fail: fault_proxy.py PORT UPSTREAM_HOST:PORT LOG RULES.

Each request is one line of LOG: method, target, status, bytes of its body, bytes of the answer's body, fault or "-", "auth" or "-" (whether it
had an Authorization header). Status 0: the connection was closed without an answer.

RULES is a file that is read again whenever it changes; one rule a line, the first that matches a request and has not run out applies:
    COUNT PATTERN FAULT [ARGUMENT]
COUNT is how often, or "always"; PATTERN a regular expression for "METHOD TARGET auth", or "METHOD TARGET -" without an
Authorization header. The faults:
    drop N         closes the connection after N bytes of the answer's body
    drop-upload N  closes the connection after N bytes of the request's body
    truncate N     the first N bytes only, with a Content-Length that agrees
    length D       a Content-Length that is D too large; then closes the connection
    corrupt        one byte of the answer's body is another
    slow BPS       so many bytes a second, of the request's body and of the answer's
    hang           no answer, until the client gives up
    status CODE [RETRY_AFTER]   that answer instead; RETRY_AFTER: seconds, "date" (a date 2 s from now) or none
    limit N        413 to a request with a body of more than N bytes
    loop           a redirect to itself
    redirect URL   a redirect to URL and the same target
    expire         passed on without Authorization, as if the token had run out
"""
import http.client
import http.server
import os
import re
import socket
import socketserver
import sys
import threading
import time
from email.utils import formatdate

port, upstream, log_path, rules_path = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
PIECE = 64 << 10
HOP_BY_HOP = {'connection', 'keep-alive', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'proxy-connection'}
lock = threading.Lock()


class Rules:
    """The rules of the file, with how often each may still be used."""

    def __init__(self):
        self.stamp, self.rules = None, []

    def find(self, request):
        with lock:
            self.load()
            for rule in self.rules:
                if rule[0] != 0 and re.search(rule[1], request):
                    rule[0] -= 1
                    return rule[2]
        return []

    def load(self):
        try:
            status = os.stat(rules_path)
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        except FileNotFoundError:
            self.stamp, self.rules = None, []
            return
        if stamp == self.stamp:
            return
        self.stamp, self.rules = stamp, []
        with open(rules_path) as file:
            for line in file:
                words = line.split()
                if words and not words[0].startswith('#'):
                    self.rules.append([-1 if words[0] == 'always' else int(words[0]), words[1], words[2:]])


rules = Rules()


class Closed(Exception):
    """The connection is to be closed without more."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def note(self, status):
        with lock, open(log_path, 'a') as file:
            fault = self.fault[0] if self.fault else '-'
            file.write('%s %s %d %d %d %s %s\n' % (self.command, self.path, status, self.received, self.sent, fault, self.auth))

    def pass_on(self):
        self.received = self.sent = 0
        self.status = 0
        self.auth = 'auth' if self.headers.get('Authorization') else '-'
        self.fault = rules.find('%s %s %s' % (self.command, self.path, self.auth))
        try:
            self.answer()
        except (Closed, ConnectionError):
            self.close_connection = True
        self.note(self.status)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on

    def answer(self):
        kind = self.fault[0] if self.fault else ''
        if kind == 'hang':
            self.connection.settimeout(600)
            while self.connection.recv(PIECE):
                pass
            raise Closed
        if kind == 'limit' and int(self.headers.get('Content-Length') or 0) > int(self.fault[1]):
            return self.instead(413, [])
        if kind == 'status':
            after = self.fault[2] if len(self.fault) > 2 else None
            headers = [('Retry-After', formatdate(time.time() + 2, usegmt=True) if after == 'date' else after)] if after else []
            return self.instead(int(self.fault[1]), headers)
        if kind == 'loop':
            return self.instead(307, [('Location', self.path)])
        if kind == 'redirect':
            return self.instead(307, [('Location', self.fault[1] + self.path)])
        self.relay(kind, int(self.fault[1]) if len(self.fault) > 1 else 0)

    def instead(self, status, headers):
        for _ in self.body():
            pass
        self.status = status
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header('Content-Length', '0')
        self.end_headers()

    def body(self, limit=None):
        """The request's body, piece by piece."""
        left = int(self.headers.get('Content-Length') or 0)
        while left > 0:
            most = 100 if self.fault and self.fault[0] == 'slow' else PIECE
            piece = self.rfile.read(min(left, most, limit - self.received if limit is not None else most))
            if not piece:
                raise Closed
            if self.fault and self.fault[0] == 'slow':
                time.sleep(len(piece) / int(self.fault[1]))
            left -= len(piece)
            self.received += len(piece)
            yield piece
            if limit is not None and self.received >= limit:
                raise Closed

    def relay(self, kind, argument):
        connection = http.client.HTTPConnection(upstream, timeout=300)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() in HOP_BY_HOP or (kind == 'expire' and name.lower() == 'authorization'):
                continue
            connection.putheader(name, value)
        connection.endheaders()
        for piece in self.body(argument if kind == 'drop-upload' else None):
            connection.send(piece)
        response = connection.getresponse()
        self.status = response.status
        self.send_response_only(response.status)
        length = response.headers.get('Content-Length')
        for name, value in response.headers.items():
            if name.lower() not in HOP_BY_HOP and name.lower() != 'content-length':
                self.send_header(name, value)
        if length is None and self.command != 'HEAD' and response.status not in (204, 304):
            body = response.read()
            length, pieces = len(body), [body]
        else:
            length = int(length or 0)
            pieces = iter(lambda: response.read(PIECE), b'')
        if kind == 'truncate':
            length = min(length, argument)
        self.send_header('Content-Length', str(length + (argument if kind == 'length' else 0)))
        self.end_headers()
        if self.command != 'HEAD':
            self.send_body(pieces, kind, argument, length)
        connection.close()
        if kind == 'length':
            raise Closed

    def send_body(self, pieces, kind, argument, length):
        for piece in pieces:
            if kind == 'corrupt' and self.sent == 0:
                piece = bytes([piece[0] ^ 1]) + piece[1:]
            if kind == 'drop':
                piece = piece[:argument - self.sent]
            piece = piece[:length - self.sent]
            step = max(1, argument // 10) if kind == 'slow' else len(piece) or 1
            for at in range(0, len(piece), step):
                self.wfile.write(piece[at:at + step])
                self.sent += len(piece[at:at + step])
                if kind == 'slow':
                    self.wfile.flush()
                    time.sleep(0.1)
            if kind == 'drop' and self.sent >= argument:
                raise Closed
            if self.sent >= length:
                return


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self):
        # What waits in a large buffer here would look to the client as if it had arrived.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 10)
        super().server_bind()


Server(('127.0.0.1', port), Handler).serve_forever()
