"""A shop's web server: the products of its PostgreSQL database, as a page and as JSON.

python shop.py          serve on PORT
python shop.py wait     return as soon as the database answers
"""

import html
import json
import os
import signal
import sys
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg
from psycopg.rows import dict_row

VERSION = os.environ.get("VERSION", "unknown")
PAGE = """<!doctype html>
<title>Shop {version}</title>
<h1>Shop {version}</h1>
<table><tr><th>Product<th>Price</tr>{rows}</table>
"""


def connect() -> psycopg.Connection[dict[str, object]]:
    return psycopg.connect(
        host=os.environ["DB_HOST"],
        port=os.environ.get("DB_PORT", "5432"),
        dbname=os.environ["DB_NAME"],
        user=os.environ["DB_USER"],
        password=os.environ["DB_PASSWORD"],
        connect_timeout=3,
        row_factory=dict_row,
    )


def read_products() -> list[dict[str, object]]:
    with connect() as connection:
        return connection.execute("SELECT id, name, price_cents FROM products ORDER BY id").fetchall()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        try:
            self.answer()
        except psycopg.Error as error:
            self.send(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", f"the database does not answer: {error}\n")

    def answer(self) -> None:
        match self.path:
            case "/":
                self.send(HTTPStatus.OK, "text/html", page())
            case "/products":
                self.send(
                    HTTPStatus.OK, "application/json", json.dumps({"version": VERSION, "products": read_products()})
                )
            case "/healthz":  # alive: a database that is down is no reason to restart
                self.send(HTTPStatus.OK, "text/plain", "ok\n")
            case "/readyz":
                read_products()
                self.send(HTTPStatus.OK, "text/plain", "ready\n")
            case _:
                self.send(HTTPStatus.NOT_FOUND, "text/plain", "not found\n")

    def send(self, status: HTTPStatus, content_type: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{content_type}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if int(code) >= HTTPStatus.BAD_REQUEST:
            super().log_request(code, size)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        sys.stdout.write(f"{format % args}\n")
        sys.stdout.flush()


def page() -> str:
    cells = (
        f"<tr><td>{html.escape(str(product['name']))}<td>{int(str(product['price_cents'])) / 100:.2f}</tr>"
        for product in read_products()
    )
    return PAGE.format(version=html.escape(VERSION), rows="".join(cells))


def serve() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    port = int(os.environ.get("PORT", "8080"))
    with ThreadingHTTPServer(("", port), Handler) as server:
        sys.stdout.write(f"shop {VERSION} serves on port {port}\n")
        sys.stdout.flush()
        server.serve_forever()


def wait() -> None:
    while True:
        try:
            connect().close()
        except psycopg.OperationalError as error:
            sys.stdout.write(f"waiting for the database: {error}\n")
            sys.stdout.flush()
            time.sleep(1)
        else:
            return


if __name__ == "__main__":
    if sys.argv[1:] == ["wait"]:
        wait()
    else:
        serve()
