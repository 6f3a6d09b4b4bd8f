"""Packets over HTTP, to any number of viewers: readLatentSteps(await fetch(address))."""

import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

viewers = set()


def broadcast(packet, last=False):
    for waiting in list(viewers):
        # one that lags behind is better off with the next; but the last is what all was for
        if last or waiting.empty():
            waiting.put(packet)


def serve(port=8000, page="http://127.0.0.1:5173", host="127.0.0.1"):
    """`page`: the origin of the page that may read the steps."""

    class Steps(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Access-Control-Allow-Origin", page)
            waiting = queue.Queue()
            viewers.add(waiting)
            try:
                self.end_headers()
                while True:
                    self.wfile.write(waiting.get())
            except OSError:  # the viewer has gone
                viewers.discard(waiting)

    server = ThreadingHTTPServer((host, port), Steps)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
