"""The messages of proto/, made from the descriptors that the build puts beside this file.

They live in a descriptor pool of their own. Modules from protoc would be called `proto.graft...`,
as a well-known package is, and would register google.rpc.Status, as googleapis-common-protos does:
a program could not use either beside this one.
"""
import pathlib
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message


def _load_pool() -> descriptor_pool.DescriptorPool:
    data = pathlib.Path(__file__).with_name("descriptors.binpb").read_bytes()
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
        pool.Add(file)
    return pool


_POOL = _load_pool()


def message_class(full_name: str) -> type[Message]:
    """The class of a message, for example `graft.v1.Search`."""
    descriptor = _POOL.FindMessageTypeByName(full_name)
    if hasattr(message_factory, "GetMessageClass"):  # protobuf 4.22 and later
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(_POOL).GetPrototype(descriptor)


def new(name: str, /, **fields: Any) -> Message:
    """A message of graft.v1 with these fields."""
    return message_class(f"graft.v1.{name}")(**fields)


def method_types(service: str, method: str) -> tuple[type[Message], type[Message]]:
    """The classes of request and response of a method of graft.v1."""
    descriptor = _POOL.FindServiceByName(f"graft.v1.{service}").methods_by_name[method]
    return (
        message_class(descriptor.input_type.full_name),
        message_class(descriptor.output_type.full_name),
    )
