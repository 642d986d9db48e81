#!/usr/bin/env python3
"""A token service for docker-registry's `auth: token`: token_server.py PORT KEY CERTIFICATE LOG [LIFETIME].

Tokens are JWTs signed with KEY (RS256, by openssl) that name CERTIFICATE in x5c. Anybody may pull below public/. The user "writer" may pull
and push everything, "reader" pull everything; both have the password "secret". GET /token with basic authentication or without, and with
offline_token=true an identity token; POST /token by OAuth2 with grant_type=password or refresh_token. Each token is valid for LIFETIME
seconds (300). Each request is one line of LOG: method, account or "-", grant, scopes, status. Needs issuer "test-issuer" and service
"test-registry" in the registry's configuration.
"""
import base64
import binascii
import http.server
import json
import subprocess
import sys
import time
import urllib.parse
import uuid

port, key, certificate, log_path = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
lifetime = int(sys.argv[5]) if len(sys.argv) > 5 else 300
LEEWAY = 60  # that docker-registry grants after the expiry
ACTIONS = {'writer': {'pull', 'push'}, 'reader': {'pull'}}
PASSWORD = 'secret'
identities = {}


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


with open(certificate) as file:
    X5C = [''.join(line.strip() for line in file if not line.startswith('-----'))]


def sign(claims):
    header = {'typ': 'JWT', 'alg': 'RS256', 'x5c': X5C}
    text = '.'.join(base64url(json.dumps(part).encode()) for part in (header, claims))
    signature = subprocess.run(['openssl', 'dgst', '-sha256', '-sign', key], input=text.encode(), capture_output=True, check=True).stdout
    return text + '.' + base64url(signature)


def granted(user, scope):
    """What a user gets of a scope such as "repository:app:pull,push"."""
    kind, name, actions = scope.split(':')[0], ':'.join(scope.split(':')[1:-1]), scope.split(':')[-1].split(',')
    allowed = ACTIONS.get(user) or ({'pull'} if name.startswith('public/') else set())
    return {'type': kind, 'name': name, 'actions': [action for action in actions if action in allowed]}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def reply(self, status, value, note):
        body = json.dumps(value).encode()
        with open(log_path, 'a') as file:
            file.write('%s %s %d\n' % (self.command, note, status))
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def give(self, user, scopes, grant, offline):
        note = '%s %s %s' % (user or '-', grant, '|'.join(scopes) or '-')
        now = int(time.time())
        claims = {'iss': 'test-issuer', 'sub': user, 'aud': 'test-registry', 'iat': now, 'nbf': now - 10, 'exp': now + lifetime - LEEWAY,
                  'jti': str(uuid.uuid4()), 'access': [granted(user, scope) for scope in scopes]}
        answer = {'token': sign(claims), 'expires_in': lifetime}
        answer['access_token'] = answer['token']
        if offline and user:
            answer['refresh_token'] = str(uuid.uuid4())
            identities[answer['refresh_token']] = user
        self.reply(200, answer, note)

    def refuse(self, grant):
        self.reply(401, {'details': 'incorrect username or password'}, '- %s -' % grant)

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        scopes = [word for value in query.get('scope', []) for word in value.split()]
        user, header = '', self.headers.get('Authorization', '')
        if header:
            try:
                user, password = base64.b64decode(header.removeprefix('Basic ')).decode().split(':', 1)
            except (binascii.Error, ValueError):
                user = password = ''
            if user not in ACTIONS or password != PASSWORD:
                return self.refuse('basic')
        self.give(user, scopes, 'basic' if user else 'anonymous', query.get('offline_token') == ['true'])

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers.get('Content-Length') or 0)).decode())
        one = {name: values[0] for name, values in form.items()}
        grant, scopes = one.get('grant_type', ''), one.get('scope', '').split()
        if grant == 'refresh_token' and one.get('refresh_token') in identities:
            return self.give(identities[one['refresh_token']], scopes, grant, False)
        if grant == 'password' and one.get('username') in ACTIONS and one.get('password') == PASSWORD:
            return self.give(one['username'], scopes, grant, one.get('access_type') == 'offline')
        self.refuse(grant or '-')


http.server.ThreadingHTTPServer(('127.0.0.1', port), Handler).serve_forever()
