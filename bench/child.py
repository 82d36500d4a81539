"""The process of one contender: reads one JSON object a line, does it, writes one JSON object a line.

    python -m bench.child KIND OPTIONS-AS-JSON

Standard library only, so that it also runs in an environment that holds llama-cpp-python and nothing of ours.
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import TextIO, cast

from bench.asking import Contender, Json, Talker, TextEmbedder, ask_from_json


def contender(kind: str, options: Mapping[str, str]) -> Contender:
    """The contender of that kind. Its libraries are imported here and nowhere else."""
    match kind:
        case "tandem":
            from bench.contenders.tandem_server import TandemServer

            return TandemServer(options)
        case "worker":
            from bench.contenders.tandem_worker import TandemWorker

            return TandemWorker(options)
        case "openai":
            from bench.contenders.openai_client import OpenAIClient

            return OpenAIClient(options)
        case "genai":
            from bench.contenders.bare_genai import BareGenAI

            return BareGenAI(options)
        case "foundry":
            from bench.contenders.foundry import FoundrySessions

            return FoundrySessions(options)
        case "llama":
            from bench.contenders.llama_cpp_python import LlamaCpp

            return LlamaCpp(options)
        case "embedder":
            from bench.contenders.bare_embedder import BareEmbedder

            return BareEmbedder(options)
        case "echo":
            from bench.contenders.echo_server import EchoServer

            return EchoServer(options)
        case _:
            raise ValueError(f"there is no contender of kind {kind!r}")


def perform(what: Contender, request: Json) -> Json:
    """Do one thing and tell the outcome."""
    match request["do"]:
        case "open":
            return {"began": what.open()}
        case "answer" if isinstance(what, Talker):
            asks = [ask_from_json(row) for row in cast("list[Json]", request["asks"])]
            return {"answers": [asdict(answer) for answer in what.answer_all(asks)]}
        case "embed" if isinstance(what, TextEmbedder):
            return {"seconds": what.embed(cast("list[str]", request["texts"]))}
        case "describe":
            return {"processes": dict(what.processes()), "facts": dict(what.facts())}
        case "close":
            what.close()
            return {}
        case unknown:
            raise ValueError(f"{type(what).__name__} cannot {unknown!r}")


def serve(what: Contender, requests: TextIO, replies: TextIO) -> None:
    """Answer until the other side asks to close. What goes wrong is told, in the vendor's own words.

    Where the other side is gone without a word, everything is closed too: nobody is left running.
    """
    for line in requests:
        request = cast("Json", json.loads(line))
        try:
            reply = perform(what, request)
        except Exception as error:  # noqa: BLE001 - this process's last door: any vendor's failure becomes a line
            reply = {"error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()
        if request["do"] == "close":
            return
    what.close()


def main() -> None:
    """Native libraries may write to standard output, so the replies get a descriptor of their own."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    kind, options = sys.argv[1], cast("dict[str, str]", json.loads(sys.argv[2]))
    serve(contender(kind, options), sys.stdin, replies)


if __name__ == "__main__":
    main()
