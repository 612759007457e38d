"""The Python client's uploads to stores, and downloads from them, that break off."""
from client_testing import BLOB, MISSING, FakeClusterTest, digest_of

if not MISSING:
    import grpc
    import graft
    from graft import _protos


class FakeStore:
    """WriteBlob of a store that breaks off after `breaks_after` bytes of each call."""

    def __init__(self, breaks_after=None, code=grpc.StatusCode.UNAVAILABLE if not MISSING else None):
        self.uploads = {}
        self.blobs = {}
        self.opened = []
        self._breaks_after = breaks_after
        self._code = code

    def write_blob(self, messages, context):
        first = next(messages)
        self.opened.append(first.upload_id)
        if first.digest in self.blobs:
            yield _protos.new("WriteBlobResponse", digest=first.digest)
            return
        data = self.uploads.setdefault(first.upload_id, bytearray())
        yield _protos.new("WriteBlobResponse", committed_size=len(data))
        taken = 0
        for message in messages:
            if message.data and message.offset != len(data):
                context.abort(grpc.StatusCode.OUT_OF_RANGE, f"{message.offset}, not {len(data)}")
            data += message.data
            taken += len(message.data)
            if message.finish_write:
                self.blobs[first.digest] = bytes(data)
                yield _protos.new(
                    "WriteBlobResponse", digest=first.digest, committed_size=len(data)
                )
                return
            yield _protos.new("WriteBlobResponse", committed_size=len(data))
            if self._breaks_after is not None and taken >= self._breaks_after:
                context.abort(self._code, "broken")


class UploadTest(FakeClusterTest):
    DATA = bytes(range(256)) * 20000  # five chunks

    def upload(self, store, data=DATA):
        cluster = self.start({"WriteBlob": store.write_blob}, "WeightStore")
        client = self.connect(cluster, weight_store=cluster.address)
        self.assertEqual(client._write_blob(data), digest_of(data))

    def test_blob_arrives_whole(self):
        for data in (b"", b"x", bytes(1 << 20), self.DATA):
            with self.subTest(size=len(data)):
                store = FakeStore()
                self.upload(store, data)
                self.assertEqual(store.blobs, {digest_of(data): data})

    def test_broken_upload_goes_on_where_it_broke(self):
        for code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED):
            with self.subTest(code=code):
                store = FakeStore(breaks_after=1 << 20, code=code)
                self.upload(store)
                self.assertEqual(store.blobs, {digest_of(self.DATA): self.DATA})
                self.assertEqual(len(store.opened), 5)
                self.assertEqual(len(set(store.opened)), 1)

    def test_blob_that_is_there_is_not_sent_again(self):
        store = FakeStore()
        store.blobs[digest_of(self.DATA)] = self.DATA
        self.upload(store)
        self.assertEqual(store.uploads, {})

    def test_other_errors_end_the_upload(self):
        store = FakeStore(breaks_after=1, code=grpc.StatusCode.RESOURCE_EXHAUSTED)
        with self.assertRaisesRegex(graft.GraftError, "RESOURCE_EXHAUSTED: broken"):
            self.upload(store)
        self.assertEqual(len(store.opened), 1)


class BlobTest(FakeClusterTest):
    def read(self, blob, served):
        """Reads a blob from a store that breaks off after each chunk of 40 bytes."""

        def read_blob(request, context):
            yield _protos.new("ReadBlobResponse", data=served[request.offset :][:40])
            if request.offset + 40 < len(served):
                context.abort(grpc.StatusCode.UNAVAILABLE, "broken")

        store = self.start({"ReadBlob": read_blob}, "WeightStore")
        client = self.connect(store, weight_store=store.address)
        return client._read_blob(digest_of(blob))

    def test_broken_read_goes_on_where_it_broke(self):
        self.assertEqual(self.read(BLOB, BLOB), BLOB)

    def test_damaged_blobs_are_refused(self):
        for served in (b"x" + BLOB[1:], BLOB[:-1], BLOB + b"x", BLOB * 2):
            with self.subTest(served=served):
                with self.assertRaisesRegex(graft.GraftError, "DATA_LOSS"):
                    self.read(BLOB, served)
