"""What the tests of the Python client share: a cluster that behaves as a test wants."""
import hashlib
import unittest
from concurrent import futures
from unittest import mock

try:
    import google.protobuf
    import grpc

    MISSING = ""
except ImportError as error:
    MISSING = f"python3-grpcio or python3-protobuf is not installed ({error})"
else:
    import graft
    from graft import _protos, _rpc

needs_grpc = unittest.skipIf(MISSING, MISSING)

BLOB = bytes(range(100))


def digest_of(data):
    return f"{hashlib.sha256(data).hexdigest()}/{len(data)}"


@needs_grpc


class FakeCluster:
    """A server on loopback whose methods are functions of (request, context).

    `methods` has them by name; those of streams are generators. Notes all requests; of those of
    WriteBlob, which takes an iterator of messages, nothing.
    """

    STREAMS = {"WatchSearch", "ReadBlob"}

    def __init__(self, service, methods):
        self.requests = []
        self.metadata = []
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
        handlers = {}
        for name, method in methods.items():
            request_type, response_type = _protos.method_types(service, name)
            if name == "WriteBlob":
                kind, handle = grpc.stream_stream_rpc_method_handler, method
            elif name in self.STREAMS:
                kind, handle = grpc.unary_stream_rpc_method_handler, self._noting(method)
            else:
                kind, handle = grpc.unary_unary_rpc_method_handler, self._noting(method)
            handlers[name] = kind(handle, request_type.FromString, response_type.SerializeToString)
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(f"graft.v1.{service}", handlers)]
        )
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self):
        self._server.stop(grace=None).wait()

    def _noting(self, method):
        def handle(request, context):
            self.requests.append(request)
            self.metadata.append(dict(context.invocation_metadata()))
            return method(request, context)

        return handle


@needs_grpc
class FakeClusterTest(unittest.TestCase):
    def setUp(self):
        # Waits are cut short, so that failing is quick.
        patch = mock.patch.multiple(_rpc, _FIRST_PAUSE_S=0.01, _LONGEST_PAUSE_S=0.02)
        patch.start()
        self.addCleanup(patch.stop)

    def start(self, methods, service="SearchService"):
        cluster = FakeCluster(service, methods)
        self.addCleanup(cluster.stop)
        return cluster

    def connect(self, cluster, **options):
        return self.enterContext(graft.Client(cluster.address, **options))
