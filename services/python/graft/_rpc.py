"""Calls to a server of the cluster: credentials, errors, trying again."""
import contextlib
import queue
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message

from graft import _protos
from graft.errors import FieldViolation, GraftError

_CALL_TIMEOUT_S = 60.0
# A server that is being started again answers within seconds.
_ATTEMPTS = 7
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 1.0
_ERROR_DOMAIN = "graft"
_CHUNK_BYTES = 1 << 20
_OPTIONS = (
    ("grpc.max_receive_message_length", 4 << 20),
    ("grpc.max_send_message_length", 4 << 20),
    ("grpc.max_metadata_size", 64 << 10),
    # A watch receives for hours and sends nothing: pings notice a dead peer.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)


def to_graft_error(error: grpc.RpcError) -> GraftError:
    """The error with the details of a google.rpc.Status, where the server has sent one."""
    reason, violations = "", []
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            reason, violations = _parse_details(value)
    code = error.code().name
    if reason == code:
        reason = ""
    return GraftError(code, error.details() or "", reason, tuple(violations))


def _parse_details(data: bytes) -> tuple[str, list[FieldViolation]]:
    info = _protos.message_class("google.rpc.ErrorInfo")()
    bad_request = _protos.message_class("google.rpc.BadRequest")()
    try:
        status = _protos.message_class("google.rpc.Status").FromString(data)
        for detail in status.details:
            if detail.Is(info.DESCRIPTOR):
                detail.Unpack(info)
            elif detail.Is(bad_request.DESCRIPTOR):
                detail.Unpack(bad_request)
    except DecodeError:
        return "", []
    reason = info.reason if info.domain == _ERROR_DOMAIN else ""
    return reason, [FieldViolation(v.field, v.description) for v in bad_request.field_violations]


class Server:
    """One server, and one of its services. Connects when it is called. Thread-safe."""

    def __init__(
        self,
        address: str,
        service: str,
        token: str | None,
        root_certificates: bytes | None,
        hint: str,
    ) -> None:
        """`hint` ends the message when nothing answers at the address, "host:port"."""
        self._address = address
        self._service = service
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._hint = hint
        options: tuple[tuple[str, Any], ...] = _OPTIONS
        if address.rpartition(":")[0] in ("localhost", "127.0.0.1", "[::1]"):
            options += (("grpc.enable_http_proxy", 0),)
        if root_certificates is None:
            self._channel = grpc.insecure_channel(address, options)
        else:
            credentials = grpc.ssl_channel_credentials(root_certificates)
            self._channel = grpc.secure_channel(address, credentials, options)

    def close(self) -> None:
        """Ends the calls that run."""
        self._channel.close()

    def call(self, method: str, request: Message) -> Message:
        """The answer to one request, which is sent again after UNAVAILABLE: it is idempotent."""
        invoke = self._method(self._channel.unary_unary, method)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return invoke(request, timeout=_CALL_TIMEOUT_S, metadata=self._metadata)
            except grpc.RpcError as error:
                failure = to_graft_error(error)
            if failure.code != "UNAVAILABLE" or attempt == _ATTEMPTS:
                break
            self._pause(attempt)
        raise self._explain(failure)

    def stream(
        self,
        method: str,
        request: Message,
        advance: Callable[[Message, Message], None],
        patience_s: float,
    ) -> Iterator[Message]:
        """The answers as they come.

        A broken connection is taken up again with the request as `advance(request, answer)` has
        left it after the last answer, until nothing has come for `patience_s` seconds.
        """
        invoke = self._method(self._channel.unary_stream, method)
        failures = 0
        give_up = time.monotonic() + patience_s
        while True:
            call = invoke(request, metadata=self._metadata)
            try:
                for response in call:
                    advance(request, response)
                    failures = 0
                    yield response
                    give_up = time.monotonic() + patience_s
                return
            except grpc.RpcError as error:
                failure = to_graft_error(error)
            finally:
                call.cancel()
            if failure.code != "UNAVAILABLE" or time.monotonic() >= give_up:
                raise self._explain(failure)
            failures += 1
            self._pause(failures)

    def upload(self, digest: str, data: bytes, patience_s: float) -> None:
        """Stores a blob by WriteBlob.

        A broken connection is taken up again where the server says, until it has heard nothing more
        for `patience_s` seconds.
        """
        invoke = self._method(self._channel.stream_stream, "WriteBlob")
        arrived = -1
        failures = 0
        give_up = time.monotonic() + patience_s
        while True:
            start: queue.SimpleQueue[int | None] = queue.SimpleQueue()
            call = invoke(_upload_messages(digest, data, start), metadata=self._metadata)
            try:
                for i, response in enumerate(call):
                    if i == 0:
                        start.put(response.committed_size)
                    if response.committed_size > arrived:
                        arrived = response.committed_size
                        failures = 0
                        give_up = time.monotonic() + patience_s
                    if response.digest:
                        return
                raise GraftError("INTERNAL", "the store ended the upload before it was complete")
            except grpc.RpcError as error:
                failure = to_graft_error(error)
            finally:
                start.put(None)
                call.cancel()
            # ABORTED: the store has not noticed yet that the call before is gone.
            retryable = failure.code in ("UNAVAILABLE", "ABORTED")
            if not retryable or time.monotonic() >= give_up:
                raise self._explain(failure)
            failures += 1
            self._pause(failures)

    def _method(self, kind: Callable[..., Any], method: str) -> Any:
        request_type, response_type = _protos.method_types(self._service, method)
        return kind(
            f"/graft.v1.{self._service}/{method}",
            request_serializer=request_type.SerializeToString,
            response_deserializer=response_type.FromString,
        )

    def _pause(self, failures: int) -> None:
        """Waits, longer after more failures.

        gRPC moves a channel's sockets only while a call waits on them: a health check waits for the
        connection, which would not come about while this thread sleeps.
        """
        pause_s = min(_FIRST_PAUSE_S * 2 ** min(failures - 1, 10), _LONGEST_PAUSE_S)
        end = time.monotonic() + pause_s * random.uniform(0.75, 1.25)
        check = self._channel.unary_unary("/grpc.health.v1.Health/Check")
        with contextlib.suppress(grpc.RpcError):
            check(b"", timeout=end - time.monotonic(), wait_for_ready=True)
        time.sleep(max(0.0, end - time.monotonic()))

    def _explain(self, failure: GraftError) -> GraftError:
        if failure.code != "UNAVAILABLE":
            return failure
        return GraftError(
            failure.code,
            f"nothing answers at {self._address} ({failure.message}); {self._hint}",
            failure.reason,
            failure.violations,
        )


def _upload_messages(
    digest: str, data: bytes, start: "queue.SimpleQueue[int | None]"
) -> Iterator[Message]:
    """The messages of WriteBlob. `start` gets the first byte to send, or None to give up."""
    yield _protos.new("WriteBlobRequest", digest=digest, upload_id=digest.partition("/")[0])
    offset = start.get()
    while offset is not None:
        chunk = data[offset : offset + _CHUNK_BYTES]
        end = offset + len(chunk)
        finish = end == len(data)
        yield _protos.new("WriteBlobRequest", offset=offset, data=chunk, finish_write=finish)
        offset = None if finish else end
