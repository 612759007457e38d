"""The client of a cluster."""
import hashlib
import os
import pathlib
import secrets
import tempfile
import threading
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

from google.protobuf.message import Message

from graft import _architecture, _convert, _protos, _weights, _yaml_file
from graft._rpc import Server
from graft._weights import Tensor
from graft.errors import FieldViolation, GraftError

_PAGE_SIZE = 500
# How long a watch, or a blob on its way, goes on without hearing anything, in seconds.
_WATCH_PATIENCE_S = 120.0
_READ_PATIENCE_S = 30.0
_WRITE_PATIENCE_S = 30.0

Json = dict[str, Any]


class Client:
    """Searches, networks, workers and data sets of a cluster. Thread-safe.

    Results are plain dictionaries with the fields of the messages in
    proto/graft/v1/search_service.proto: enum values by name (`SEARCH_STATE_RUNNING`), times as RFC
    3339 text, durations as text in seconds (`1.5s`), numbers as numbers. Messages and `optional`
    fields that are not set are left out.

    Searches, trials, networks and data sets go by name (`searches/7`) or by id (`7`).

    Every method raises GraftError: UNAVAILABLE if nothing answers within some seconds,
    UNAUTHENTICATED or PERMISSION_DENIED for a missing or wrong token, and what its text says.
    """

    def __init__(
        self,
        server: str = "127.0.0.1:7070",
        token_file: str | os.PathLike[str] | None = None,
        tls_root: str | os.PathLike[str] | None = None,
        weight_store: str | None = None,
    ) -> None:
        """Connects when it is first used.

        Args:
            server: the controller, `host:port`.
            token_file: file whose first line is the bearer token.
            tls_root: PEM file of the root certificates; turns TLS on.
            weight_store: the weight store as it is reached from here, `host:port`; default: what
                the controller says.

        Raises GraftError INVALID_ARGUMENT if a file cannot be read or holds no token.
        """
        self._token = _read_token(token_file) if token_file else None
        self._root_certificates = _read_file(tls_root) if tls_root else None
        self._controller = self._connect(
            server, "SearchService", "`graft local` starts a controller, `server` names another"
        )
        self._store_address = weight_store
        self._store: Server | None = None
        self._store_lock = threading.Lock()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the calls that run; the client cannot be used afterwards."""
        self._controller.close()
        if self._store is not None:
            self._store.close()

    def submit(
        self,
        spec: Mapping[str, Any] | str | os.PathLike[str],
        request_id: str | None = None,
        validate_only: bool = False,
    ) -> Json:
        """Creates a search and returns it.

        Args:
            spec: a SearchSpec (proto/graft/v1/search.proto) as a dictionary, or the path of a
                search file.
            request_id: the same id with the same spec returns the search that it made before.
            validate_only: only check; the answer is the search as it would be, without a name.

        Raises GraftError INVALID_ARGUMENT with the fields that are bad, relative to the spec
        (`recipe.epochs`), and ALREADY_EXISTS if the request_id was used with another spec.
        """
        values = spec if isinstance(spec, Mapping) else _yaml_file.load_search(spec)
        request = _protos.new(
            "CreateSearchRequest",
            request_id=_request_id() if request_id is None else request_id,
            validate_only=validate_only,
        )
        _convert.fill(request.spec, values)
        try:
            return self._call("CreateSearch", request)
        except GraftError as error:
            raise _relative_to(error, "spec.") from None

    def watch(self, search: str, resume_token: str = "") -> Iterator[Json]:
        """Yields updates until the search has ended: first the search and its trials as they stand.

        An update has `search` or `trial`, which replaces what you hold of it, and `resume_token`; a
        later watch with that token yields only what came after it. A broken connection is taken up
        again, for up to two minutes without an answer. Closing the iterator ends the watch.

        Raises GraftError NOT_FOUND: no such search; INVALID_ARGUMENT: a bad resume token.
        """
        request = _protos.new(
            "WatchSearchRequest", name=_named("searches", search), resume_token=resume_token
        )

        def advance(request: Message, update: Message) -> None:
            request.resume_token = update.resume_token

        for update in self._controller.stream("WatchSearch", request, advance, _WATCH_PATIENCE_S):
            yield _convert.to_dict(update)

    def wait(self, search: str) -> Json:
        """Returns the search once it has ended. Raises GraftError as watch does."""
        for _ in self.watch(search):
            pass
        return self.search(search)

    def cancel(self, search: str) -> Json:
        """Ends a search; its trials stop within a heartbeat. An ended search stays as it is."""
        return self._change("CancelSearch", search)

    def pause(self, search: str) -> Json:
        """Stops a search for a while; trials that run end first."""
        return self._change("PauseSearch", search)

    def resume(self, search: str) -> Json:
        """Lets a paused search go on; another one stays as it is."""
        return self._change("ResumeSearch", search)

    def extend(self, search: str, episodes: int) -> Json:
        """Sets how many episodes a search has in all; one that had succeeded goes on.

        Raises GraftError: INVALID_ARGUMENT if it has begun more, FAILED_PRECONDITION if it failed
        or was cancelled.
        """
        return self._change("ExtendSearch", search, episodes=episodes)

    def delete(self, search: str) -> None:
        """Forgets a search that has ended; its networks stay.

        Raises GraftError: FAILED_PRECONDITION if it has not ended.
        """
        self._change("DeleteSearch", search)

    def episodes(self, search: str) -> list[Json]:
        """What the policy did: children with their actions, and the digest of its state."""
        request = _protos.new("ListEpisodesRequest", parent=_named("searches", search))
        return self._list("ListEpisodes", request, "episodes", None)

    def search(self, search: str) -> Json:
        """A search. Raises GraftError NOT_FOUND."""
        name = _named("searches", search)
        return self._call("GetSearch", _protos.new("GetSearchRequest", name=name))

    def searches(
        self, labels: Mapping[str, str] | None = None, limit: int | None = None
    ) -> list[Json]:
        """Searches that have all of these labels, newest first, at most `limit` of them."""
        request = _protos.new("ListSearchesRequest", labels=dict(labels or {}))
        return self._list("ListSearches", request, "searches", limit)

    def trial(self, trial: str) -> Json:
        """A trial, `7/trials/3`. Raises GraftError NOT_FOUND."""
        name = _named("searches", trial)
        return self._call("GetTrial", _protos.new("GetTrialRequest", name=name))

    def trials(self, search: str) -> list[Json]:
        """All trials of a search in order of number. Raises GraftError NOT_FOUND."""
        request = _protos.new("ListTrialsRequest", parent=_named("searches", search))
        return self._list("ListTrials", request, "trials", None)

    def trial_log(self, trial: str) -> Iterator[Json]:
        """Yields what workers have logged about a trial, `7/trials/3`, in order of attempt and line.

        Raises GraftError NOT_FOUND: no such trial.
        """
        request = _protos.new("ListTrialLogRequest", parent=_named("searches", trial))
        return self._pages("ListTrialLog", request, "entries")

    def network(self, network: str) -> Json:
        """A network by name or by the first 8 or more digits of it. Raises GraftError NOT_FOUND."""
        name = _named("networks", network)
        return self._call("GetNetwork", _protos.new("GetNetworkRequest", name=name))

    def networks(self, search: str | None = None, limit: int | None = None) -> list[Json]:
        """Networks of a search, best first, or of all searches, newest first; at most `limit`."""
        name = "" if search is None else _named("searches", search)
        request = _protos.new("ListNetworksRequest", search=name)
        return self._list("ListNetworks", request, "networks", limit)

    def import_network(
        self,
        architecture: Mapping[str, Any] | str | os.PathLike[str],
        weights: str | os.PathLike[str],
        description: str = "",
    ) -> Json:
        """Uploads a network that was trained elsewhere and returns it; the same again is the same.

        Args:
            architecture: a graft.v1.Architecture in short or full form (proto/graft/v1/
                architecture.proto) as a dictionary, or the path of a file in YAML or JSON.
            weights: path of a safetensors file. A tensor is named as an export names it
                (`00012.weight`) or by its layer (`conv1.weight`).
            description: where it comes from, for people.

        Raises GraftError: NOT_FOUND or INVALID_ARGUMENT for a file that cannot be read or decoded;
        INVALID_ARGUMENT with the fields of the architecture that are bad (`layers[3].op`), or with
        the first tensor that does not fit; RESOURCE_EXHAUSTED if the store is full.
        """
        is_file = not isinstance(architecture, Mapping)
        values = _yaml_file.load(architecture) if is_file else architecture
        request = _protos.new(
            "ImportNetworkRequest", description=description, request_id=_request_id()
        )
        _convert.fill(request.architecture, values)
        tensors = _read_safetensors(weights, _architecture.tensor_names(request.architecture))
        request.weights = self._save_weights(tensors)
        try:
            return self._call("ImportNetwork", request)
        except GraftError as error:
            raise _relative_to(error, "architecture.") from None

    def dataset(self, dataset: str) -> Json:
        """A data set. Raises GraftError NOT_FOUND."""
        name = _named("datasets", dataset)
        return self._call("GetDataset", _protos.new("GetDatasetRequest", name=name))

    def datasets(self) -> list[Json]:
        """All data sets in order of name."""
        return self._list("ListDatasets", _protos.new("ListDatasetsRequest"), "datasets", None)

    def workers(self) -> list[Json]:
        """Workers heard from lately."""
        return self._call("ListWorkers", _protos.new("ListWorkersRequest"))["workers"]

    def cluster(self) -> Json:
        """Address of the weight store and version of the controller."""
        return self._call("GetCluster", _protos.new("GetClusterRequest"))

    def weights(self, network: str) -> dict[str, Tensor]:
        """The weights of a network: its tensors by name, `<number of the layer>.<parameter>`.

        All bytes are checked against their SHA-256 digest.

        Raises GraftError NOT_FOUND: no such network; DATA_LOSS: the bytes are damaged.
        """
        return self._load_weights(self.network(network)["weights"])

    def save_safetensors(self, network: str, path: str | os.PathLike[str]) -> None:
        """Writes the weights of a network as a safetensors file, whole or not at all.

        Raises GraftError as weights does, and OSError if the file cannot be written.
        """
        found = self.network(network)
        tensors = self._load_weights(found["weights"])
        metadata = {
            "format": "graft",
            "network": found["name"],
            "fingerprint": found["fingerprint"],
        }
        _write_whole(pathlib.Path(path), _weights.encode_safetensors(tensors, metadata))

    def _connect(self, address: str, service: str, hint: str) -> Server:
        return Server(address, service, self._token, self._root_certificates, hint)

    def _change(self, method: str, search: str, **fields: object) -> Json:
        name = _named("searches", search)
        request = _protos.new(f"{method}Request", name=name, request_id=_request_id(), **fields)
        return self._call(method, request)

    def _call(self, method: str, request: Message) -> Json:
        return _convert.to_dict(self._controller.call(method, request))

    def _list(self, method: str, request: Message, field: str, limit: int | None) -> list[Json]:
        found: list[Json] = []
        while limit is None or len(found) < limit:
            request.page_size = _PAGE_SIZE if limit is None else min(_PAGE_SIZE, limit - len(found))
            page = self._controller.call(method, request)
            found += [_convert.to_dict(item) for item in getattr(page, field)]
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        return found

    def _pages(self, method: str, request: Message, field: str) -> Iterator[Json]:
        """The items of all pages, each read when it is asked for."""
        request.page_size = _PAGE_SIZE
        while True:
            page = self._controller.call(method, request)
            for item in getattr(page, field):
                yield _convert.to_dict(item)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def _save_weights(self, tensors: Mapping[str, Tensor]) -> str:
        """Stores weights, the manifest last, and returns its digest."""
        manifest, blob = _weights.pack(tensors)
        if tensors:
            self._write_blob(blob)
        digest = self._write_blob(manifest)
        self._weight_store().call(
            "CommitManifest", _protos.new("CommitManifestRequest", digest=digest)
        )
        return digest

    def _write_blob(self, data: bytes) -> str:
        digest = f"{hashlib.sha256(data).hexdigest()}/{len(data)}"
        self._weight_store().upload(digest, data, _WRITE_PATIENCE_S)
        return digest

    def _load_weights(self, digest: str) -> dict[str, Tensor]:
        if _size_of(digest) > _weights.MAX_MANIFEST_BYTES:
            raise GraftError("RESOURCE_EXHAUSTED", f"the manifest {digest} is too large")
        entries = _weights.decode_manifest(self._read_blob(digest))
        blobs: dict[str, bytes] = {}
        tensors = {}
        for entry in entries:
            if entry.blob not in blobs:
                blobs[entry.blob] = self._read_blob(entry.blob)
            data = blobs[entry.blob][entry.offset : entry.offset + entry.length]
            tensors[entry.name] = Tensor(entry.dtype, entry.shape, data)
        return tensors

    def _read_blob(self, digest: str) -> bytes:
        size = _size_of(digest)
        data = bytearray()

        def advance(request: Message, response: Message) -> None:
            request.offset += len(response.data)

        request = _protos.new("ReadBlobRequest", digest=digest)
        for chunk in self._weight_store().stream("ReadBlob", request, advance, _READ_PATIENCE_S):
            data += chunk.data
            if len(data) > size:
                break
        if len(data) != size or hashlib.sha256(data).hexdigest() != digest.partition("/")[0]:
            raise GraftError("DATA_LOSS", f"blob {digest}: the bytes received do not match")
        return bytes(data)

    def _weight_store(self) -> Server:
        with self._store_lock:
            if self._store is None:
                address = self._store_address or self.cluster()["weight_store"]
                hint = "`weight_store` names the weight store's address as it is reached from here"
                self._store = self._connect(address, "WeightStore", hint)
            return self._store


def _named(collection: str, name: str) -> str:
    return name if name.startswith(f"{collection}/") else f"{collection}/{name}"


def _request_id() -> str:
    return f"python-{secrets.token_hex(16)}"


def _size_of(digest: str) -> int:
    return int(digest.partition("/")[2])


def _relative_to(error: GraftError, prefix: str) -> GraftError:
    """The error with fields without `prefix`."""
    if not error.violations:
        return error
    violations = tuple(
        FieldViolation(violation.field.removeprefix(prefix), violation.description)
        for violation in error.violations
    )
    message = "; ".join(f"{violation.field}: {violation.description}" for violation in violations)
    return GraftError(error.code, message, error.reason, violations)


def _read_file(path: str | os.PathLike[str]) -> bytes:
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        raise GraftError("INVALID_ARGUMENT", f"{path}: {error.strerror}") from None


def _read_token(path: str | os.PathLike[str]) -> str:
    line = _read_file(path).partition(b"\n")[0].strip()
    if not line or not line.isascii():
        raise GraftError("INVALID_ARGUMENT", f"{path}: expected a token in the first line")
    return line.decode()


def _read_safetensors(
    path: str | os.PathLike[str], store_names: Mapping[str, str]
) -> dict[str, Tensor]:
    """The tensors by the names that the store knows them by: `store_names` has those by layer."""
    data = _read_file(path)
    try:
        tensors = _weights.decode_safetensors(data)
    except GraftError as error:
        raise GraftError(error.code, f"{path}: {error.message}") from None
    renamed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        store_name = store_names.get(name, name)
        if store_name in renamed:
            raise GraftError("INVALID_ARGUMENT", f"{path}: tensor {store_name} is there twice")
        renamed[store_name] = tensor
    return renamed


def _write_whole(path: pathlib.Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
