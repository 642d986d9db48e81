#!/usr/bin/env python3
"""A stand-in of Docker Hub's GET /v1/search on loopback: prints its port, answers from a fixed list, logs requests.

hub_search.py LOG [FAILURES]: the first FAILURES requests are answered with 503.
"""
import http.server
import json
import sys
import urllib.parse

REPOSITORIES = [
    ("nginx", "Official build of Nginx.", 20000, True),
    ("nginx/nginx-ingress", "NGINX and NGINX Plus Ingress Controllers for Kubernetes and more words", 90, False),
    ("me/nginx", "", 0, False),
    ("busybox", "Busybox base image.", 3000, True),
]


class Handler(http.server.BaseHTTPRequestHandler):
    failures = int(sys.argv[2]) if len(sys.argv) > 2 else 0

    def do_GET(self):
        with open(sys.argv[1], "a", encoding="utf-8") as log:
            log.write(self.path + "\n")
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        if Handler.failures > 0:
            Handler.failures -= 1
            return self.answer(503, b"busy")
        if url.path != "/v1/search":
            return self.answer(404, b"not found")
        term, limit = query["q"][0], int(query.get("n", ["25"])[0])
        if term == "broken":
            return self.answer(200, b"<html>")
        found = [{"name": n, "description": d, "star_count": s, "is_official": o, "is_automated": False}
                 for n, d, s, o in REPOSITORIES if term in n][:limit]
        body = {"num_results": len(found), "query": term, "results": found}
        return self.answer(200, json.dumps(body).encode())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
