#!/usr/bin/env python3
"""Serves the files of a directory with ETag and Last-Modified: web_server.py DIRECTORY PORT LOG.

Each request is one line of LOG: method, path, status. Below /private/ a bearer token "let-me-in" is demanded.
With git in the PATH, /git/NAME.git is served by `git http-backend`; below /git/private/ the password "let-me-in" is demanded.
"""
import base64
import hashlib
import http.server
import os
import subprocess
import sys
from email.utils import formatdate

PASSWORD = 'Basic ' + base64.b64encode(b'x-access-token:let-me-in').decode()
directory, port, log = sys.argv[1], int(sys.argv[2]), sys.argv[3]


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def log_request(self, code='-', size='-'):
        with open(log, 'a') as file:
            file.write('%s %s %s\n' % (self.command, self.path, int(code)))

    def empty(self, status, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header('Content-Length', '0')
        self.end_headers()

    def do_HEAD(self):
        self.do_GET()

    def do_POST(self):
        self.git()

    def do_GET(self):
        if self.path.startswith('/git/'):
            return self.git()
        if self.path.startswith('/private/') and self.headers.get('Authorization') != 'Bearer let-me-in':
            return self.empty(401)
        path = os.path.join(directory, self.path.lstrip('/').split('?')[0])
        if not os.path.isfile(path):
            return self.empty(404)
        with open(path, 'rb') as file:
            data = file.read()
        etag = '"%s"' % hashlib.sha256(data).hexdigest()
        if self.headers.get('If-None-Match') == etag:
            return self.empty(304, [('ETag', etag)])
        self.send_response(200)
        self.send_header('ETag', etag)
        self.send_header('Last-Modified', formatdate(os.stat(path).st_mtime, usegmt=True))
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        if self.command == 'GET':
            self.wfile.write(data)

    def git(self):
        path, _, query = self.path.partition('?')
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        if path.startswith('/git/private/') and self.headers.get('Authorization', '').lower() != PASSWORD.lower():
            return self.empty(401, [('WWW-Authenticate', 'Basic realm="git"')])
        environment = {'PATH': os.environ['PATH'], 'GIT_PROJECT_ROOT': directory, 'GIT_HTTP_EXPORT_ALL': '1',
                       'PATH_INFO': path, 'QUERY_STRING': query, 'REQUEST_METHOD': self.command,
                       'CONTENT_TYPE': self.headers.get('Content-Type', ''), 'CONTENT_LENGTH': str(len(body)),
                       'GIT_PROTOCOL': self.headers.get('Git-Protocol', ''),
                       'HTTP_CONTENT_ENCODING': self.headers.get('Content-Encoding', ''),
                       'GIT_CONFIG_COUNT': '1', 'GIT_CONFIG_KEY_0': 'safe.directory', 'GIT_CONFIG_VALUE_0': '*'}
        answer = subprocess.run(['git', 'http-backend'], input=body, env=environment, stdout=subprocess.PIPE).stdout
        head, _, content = answer.partition(b'\r\n\r\n')
        headers = [line.split(': ', 1) for line in head.decode().split('\r\n') if line]
        status = next((int(value.split()[0]) for name, value in headers if name == 'Status'), 200)
        self.send_response(status)
        for name, value in headers:
            if name != 'Status':
                self.send_header(name, value)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)


http.server.ThreadingHTTPServer(('127.0.0.1', port), Handler).serve_forever()
