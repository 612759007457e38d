"""Client of a Graft cluster: submit searches, watch them, take networks away.

    import graft

    with graft.Client("127.0.0.1:7070") as client:
        search = client.submit("my-search.yaml")
        for update in client.watch(search["name"]):
            if "trial" in update:
                print(update["trial"]["number"], update["trial"]["state"])
        best = client.search(search["name"])["progress"]["best_network"]
        client.save_safetensors(best, "best.safetensors")
"""
from graft._weights import Tensor
from graft.client import Client
from graft.errors import FieldViolation, GraftError

__all__ = ["Client", "FieldViolation", "GraftError", "Tensor"]
