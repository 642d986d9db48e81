#!/usr/bin/env python3
"""fake_engine.py SOCKET DIRECTORY: the part of the Docker Engine API that `builder build --load` uses, on a unix socket.

DIRECTORY gets: requests (a line each), loaded.tar (the body of the last load). Images whose ids are lines of the file `known` are
there. While the file `fail` exists, a load answers as an engine whose disk is full.
"""
import http.server
import os
import socketserver
import sys

SOCKET, DIRECTORY = sys.argv[1:3]


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


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


Server(SOCKET, Handler).serve_forever()
