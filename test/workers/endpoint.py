"""Serves a worker's handler as Lambda's Runtime Interface Emulator does: endpoint.py WORKER PORT."""
import importlib
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

handler = importlib.import_module(sys.argv[1]).handler


class Invocations(BaseHTTPRequestHandler):
    def do_POST(self):
        assert self.path == "/2015-03-31/functions/function/invocations", self.path
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            answer = handler(event, None)
        except Exception as error:
            answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())


server = HTTPServer(("127.0.0.1", int(sys.argv[2])), Invocations)
print("listening", flush=True)
server.serve_forever()
