"""A catalog of models that the real SDK of Foundry Local can ask, on loopback."""

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def entry(name: str, alias: str, *, device: str = "cpu", task: str = "chat-completion") -> dict[str, object]:
    """One variant as the catalog's service describes it, as far as the SDK reads it."""
    provider = {"cpu": "CPUExecutionProvider", "gpu": "CUDAExecutionProvider"}[device]
    return {
        "assetId": f"azureml://registries/azureml/models/{name}/versions/5",
        "name": name,
        "version": "5",
        "annotations": {
            "tags": {"alias": alias, "license": "MIT", "task": task, "supportsToolCalling": "true"},
            "systemCatalogData": {
                "displayName": alias.upper(),
                "publisher": "Somebody",
                "license": "MIT",
                "inferenceTasks": [task],
                "modelCapabilities": ["tool-calling"],
                "textContextWindow": 131072,
                "maxOutputTokens": 2048,
            },
        },
        "properties": {
            "name": name,
            "version": 5,
            "variantInfo": {
                "parents": [{"assetId": f"azureml://registries/azureml/models/{alias}/versions/1"}],
                "variantMetadata": {
                    "modelType": "ONNX",
                    "device": device,
                    "executionProvider": provider,
                    "fileSizeBytes": 3 << 20,
                },
            },
        },
    }


class Asked(list[str]):
    """The bodies of the requests that came."""


@contextmanager
def foundry_catalog(*entries: dict[str, object]) -> Generator[tuple[str, Asked]]:
    """Serve ``entries``; gives the address to configure, and what was asked."""
    asked = Asked()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            page = json.dumps({"summaries": entries, "totalCount": len(entries)}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/asset-gallery/v1.0/models", asked
    finally:
        server.shutdown()
        server.server_close()
