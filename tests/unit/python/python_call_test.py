"""The Python client's calls to bad servers."""
import os
import tempfile
import threading

from client_testing import MISSING, FakeClusterTest

if not MISSING:
    import grpc
    import graft
    from graft import _protos


def update_of(token):
    update = _protos.new("WatchSearchResponse", resume_token=token)
    update.trial.number = int(token)
    return update


class WatchTest(FakeClusterTest):
    def test_broken_watch_goes_on_from_the_last_token(self):
        def watch(request, context):
            first = int(request.resume_token or 0)
            yield update_of(str(first + 1))
            yield update_of(str(first + 2))
            if first < 4:
                context.abort(grpc.StatusCode.UNAVAILABLE, "broken")

        cluster = self.start({"WatchSearch": watch})
        updates = list(self.connect(cluster).watch("abc"))
        self.assertEqual([update["trial"]["number"] for update in updates], [1, 2, 3, 4, 5, 6])
        self.assertEqual([request.name for request in cluster.requests], ["searches/abc"] * 3)

    def test_closed_iterator_ends_the_call(self):
        ended = threading.Event()

        def watch(request, context):
            context.add_callback(ended.set)
            yield update_of("1")
            ended.wait(60)

        updates = self.connect(self.start({"WatchSearch": watch})).watch("abc")
        self.assertEqual(next(updates)["resume_token"], "1")
        updates.close()
        self.assertTrue(ended.wait(60))

    def test_other_errors_end_the_watch(self):
        def watch(request, context):
            yield update_of("1")
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "bad token")

        cluster = self.start({"WatchSearch": watch})
        updates = self.connect(cluster).watch("abc", resume_token="x")
        next(updates)
        with self.assertRaisesRegex(graft.GraftError, "INVALID_ARGUMENT: bad token"):
            next(updates)
        self.assertEqual([request.resume_token for request in cluster.requests], ["x"])


class CallTest(FakeClusterTest):
    def test_calls_are_tried_again_while_the_server_is_unavailable(self):
        def get(request, context):
            if len(cluster.requests) < 3:
                context.abort(grpc.StatusCode.UNAVAILABLE, "draining")
            return _protos.new("Search", name=request.name)

        cluster = self.start({"GetSearch": get})
        self.assertEqual(self.connect(cluster).search("searches/abc")["name"], "searches/abc")
        self.assertEqual(len(cluster.requests), 3)

    def test_error_without_a_server_names_address_and_what_to_do(self):
        cluster = self.start({})
        client = self.connect(cluster)
        cluster.stop()
        with self.assertRaises(graft.GraftError) as caught:
            client.workers()
        self.assertEqual(caught.exception.code, "UNAVAILABLE")
        self.assertIn(cluster.address, caught.exception.message)
        self.assertIn("graft local", caught.exception.message)

    def test_error_has_reason_and_violations_relative_to_the_spec(self):
        def create(request, context):
            status = _protos.message_class("google.rpc.Status")(code=3, message="bad")
            violations = [
                {"field": "spec.task.image_classification.dataset", "description": "not known"},
                {"field": "request_id", "description": "too long"},
            ]
            bad = _protos.message_class("google.rpc.BadRequest")(field_violations=violations)
            info = _protos.message_class("google.rpc.ErrorInfo")(
                reason="UNKNOWN_DATASET", domain="graft"
            )
            for detail in (info, bad):
                status.details.add().Pack(detail)
            details = (("grpc-status-details-bin", status.SerializeToString()),)
            context.set_trailing_metadata(details)
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "bad")

        cluster = self.start({"CreateSearch": create})
        with self.assertRaises(graft.GraftError) as caught:
            self.connect(cluster).submit({"seed": 1})
        self.assertEqual(caught.exception.code, "INVALID_ARGUMENT")
        self.assertEqual(caught.exception.reason, "UNKNOWN_DATASET")
        self.assertEqual(
            caught.exception.violations,
            (("task.image_classification.dataset", "not known"), ("request_id", "too long")),
        )
        self.assertIn("task.image_classification.dataset: not known", str(caught.exception))
        self.assertEqual(len(cluster.requests), 1)

    def test_error_details_that_cannot_be_parsed_are_left_out(self):
        def get(request, context):
            context.set_trailing_metadata((("grpc-status-details-bin", b"\xff\xff"),))
            context.abort(grpc.StatusCode.NOT_FOUND, "no such search")

        with self.assertRaisesRegex(graft.GraftError, "NOT_FOUND: no such search") as caught:
            self.connect(self.start({"GetSearch": get})).search("abc")
        self.assertEqual(caught.exception.violations, ())

    def test_token_goes_with_every_call(self):
        def workers(request, context):
            return _protos.new("ListWorkersResponse")

        cluster = self.start({"ListWorkers": workers})
        with tempfile.NamedTemporaryFile() as file:
            file.write(b" secret-0123456789 \nnot this\n")
            file.flush()
            client = self.connect(cluster, token_file=file.name)
        client.workers()
        client.workers()
        self.assertEqual(
            [metadata["authorization"] for metadata in cluster.metadata],
            ["Bearer secret-0123456789"] * 2,
        )

    def test_token_file_without_a_token_is_refused(self):
        for path, expected in ((os.devnull, "expected a token"), ("/none", "No such file")):
            with self.assertRaisesRegex(graft.GraftError, f"INVALID_ARGUMENT: {path}: {expected}"):
                graft.Client(token_file=path)

    def test_lists_follow_the_pages_up_to_the_limit(self):
        def networks(request, context):
            start = int(request.page_token or 0)
            page = _protos.new("ListNetworksResponse", next_page_token=str(start + 2))
            for i in range(start, start + min(2, request.page_size)):
                page.networks.add(name=f"networks/{i}")
            return page

        cluster = self.start({"ListNetworks": networks})
        found = self.connect(cluster).networks("abc", limit=5)
        self.assertEqual([network["name"] for network in found], [f"networks/{i}" for i in range(5)])
        self.assertEqual({request.search for request in cluster.requests}, {"searches/abc"})


    def test_trial_log_follows_the_pages(self):
        def log(request, context):
            start = int(request.page_token or 0)
            page = _protos.new("ListTrialLogResponse", resume_token="later")
            for i in range(start, start + 2):
                page.entries.add()
            if start < 4:
                page.next_page_token = str(start + 2)
            return page

        cluster = self.start({"ListTrialLog": log})
        entries = self.connect(cluster).trial_log("7/trials/3")
        self.assertEqual(cluster.requests, [])
        next(entries)
        self.assertEqual(len(cluster.requests), 1)
        self.assertEqual(len(list(entries)), 5)
        tokens = [request.page_token for request in cluster.requests]
        self.assertEqual(tokens, ["", "2", "4"])
        self.assertEqual({request.parent for request in cluster.requests}, {"searches/7/trials/3"})
