"""A server that does nothing but answer: `python -m tests.bench.answering HOME PORT plain|tls OCTETS`.

The listener of a node, with a route that reads the whole body and answers with so many octets.
"""

import asyncio
import sys
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from node.as4 import SIGNAL_CONTENT_TYPE
from node.exchange.node import open_node
from node.serving import _server, _serving


def main(home: str, port: str, tls: str, octets: str) -> None:
    """Serve until the process is ended."""
    body = b"x" * int(octets)

    async def answer(request: Request) -> Response:
        await request.body()
        return Response(body, 200, {"Content-Type": SIGNAL_CONTENT_TYPE})

    app = Starlette(routes=[Route("/as4", answer, methods=["POST"])])

    async def serve() -> None:
        server = _server(open_node(Path(home)), app, f"127.0.0.1:{port}", plain=tls == "plain")
        async with _serving(server):
            print("answering", flush=True)
            await asyncio.Event().wait()

    asyncio.run(serve())


if __name__ == "__main__":
    main(*sys.argv[1:])
