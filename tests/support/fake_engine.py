#!/usr/bin/env python3
"""fake_engine.py ADDRESS DIRECTORY [CERTIFICATES]: the part of the Docker Engine API that `builder build --load` uses, on a unix socket (a
path) or a port of loopback (a number). CERTIFICATES has ca.pem, server.pem, server-key.pem: TLS, with certificates of clients by that CA.

DIRECTORY gets: requests (a line each), loaded.tar (the body of the last load). Images whose ids are lines of the file `known` are
there. While the file `fail` exists, a load answers as an engine whose disk is full.
"""
import http.server
import os
import socketserver
import ssl
import sys

ADDRESS, DIRECTORY = sys.argv[1:3]


def path(name):
    return os.path.join(DIRECTORY, name)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def note(self):
        with open(path('requests'), 'a') as file:
            file.write(self.requestline + '\n')

    def answer(self, status, body):
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.note()
        known = open(path('known')).read().split() if os.path.exists(path('known')) else []
        if self.path.split('/')[2] in known:
            self.answer(200, b'{}')
        else:
            self.answer(404, b'{"message":"No such image"}')

    def chunks(self):
        while size := int(self.rfile.readline() or b'0', 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def do_POST(self):
        self.note()
        if not self.path.startswith('/images/load'):
            self.answer(201, b'')
            return
        with open(path('loaded.tar'), 'wb') as file:
            for chunk in self.chunks():
                file.write(chunk)
        if os.path.exists(path('fail')):
            self.answer(200, b'{"errorDetail":{"message":"no space left on device"},"error":"no space left on device"}\n')
        else:
            self.answer(200, b'{"stream":"Loaded image"}\n')

    def address_string(self):
        return 'client'

    def log_message(self, *_):
        pass


class Quiet:
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that went away, or was not let in


class UnixServer(Quiet, socketserver.ThreadingUnixStreamServer):
    pass


class TcpServer(Quiet, http.server.ThreadingHTTPServer):
    pass


server = TcpServer(('127.0.0.1', int(ADDRESS)), Handler) if ADDRESS.isdigit() else UnixServer(ADDRESS, Handler)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(sys.argv[3], 'server.pem'), os.path.join(sys.argv[3], 'server-key.pem'))
    context.load_verify_locations(os.path.join(sys.argv[3], 'ca.pem'))
    context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
