"""The API's own route table, for tests that must forget no route."""

import re
from dataclasses import dataclass
from typing import Any

import httpx

PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Operation:
    """One method at one path, with the example of its body if that is JSON."""

    method: str
    path: str
    body: dict[str, Any] | None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def parameters(self) -> list[str]:
        return PARAMETER.findall(self.path)

    def at(self, **ids: str) -> str:
        return PARAMETER.sub(lambda found: ids[found[1]], self.path)


def operations(url: str) -> list[Operation]:
    """Every operation, as the OpenAPI document lists them."""
    document = httpx.get(f"{url}/schema/openapi.json").json()
    found = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            body = None
            if shape := operation.get("requestBody", {}).get("content", {}).get("application/json"):
                reference = shape["schema"]["$ref"]
                body = document["components"]["schemas"][reference.rpartition("/")[2]]["examples"][0]
            found.append(Operation(method.upper(), path, body))
    return found


def routes(app: Any) -> set[tuple[str, str]]:
    """Every method and path that the application really serves under /v1."""
    served = set()
    for route in app.routes:
        path = re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path)
        if path.startswith("/v1"):
            served |= {(method, path) for method in route.methods - {"OPTIONS"}}
    return served
