"""What may stand where the node should: something that never answers, and a way to the node that loses its answers."""

import contextlib
import socket
import threading
from collections.abc import Iterator

READ_BYTES = 1_000_000


class Listening:
    """Takes connections on a port of its own, each in a thread; counts the bytes that came."""

    def __init__(self) -> None:
        self.received = 0
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                taken = self._listener.accept()[0]
                self._open.append(taken)
                threading.Thread(target=self._read, args=(taken,), daemon=True).start()

    def _read(self, taken: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            onward = self._onward(stack)
            while octets := taken.recv(READ_BYTES):
                self.received += len(octets)
                if onward is not None:
                    onward.sendall(octets)

    def _onward(self, stack: contextlib.ExitStack) -> socket.socket | None:
        return None

    @contextlib.contextmanager
    def running(self) -> Iterator["Listening"]:
        """Until the block ends."""
        threading.Thread(target=self._serve, daemon=True).start()
        try:
            yield self
        finally:
            # Wakes the thread that waits in accept.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            for one in self._open:
                one.close()


class AnswersLost(Listening):
    """Hands on to the node whatever comes, and lets nothing back."""

    def __init__(self, node: str) -> None:
        super().__init__()
        self._node = node

    def _onward(self, stack: contextlib.ExitStack) -> socket.socket | None:
        host, _, port = self._node.rpartition(":")
        return stack.enter_context(socket.create_connection((host, int(port))))
