"""Pages and the documents of the API take no other methods than they need."""

from __future__ import annotations

from typing import Any

import pytest

PAGES = ("/", "/plan/", "/accounts/login/", "/admin/", "/favicon.ico", "/api/problems/away")


@pytest.mark.parametrize("path", [*PAGES, "/api/docs", "/api/v1/openapi.json"])
@pytest.mark.parametrize("method", ["PUT", "DELETE", "TRACE", "PROPFIND"])
def test_methods_that_no_page_has(client: Any, path: str, method: str) -> None:
    answer = client.generic(method, path)
    assert (answer.status_code, answer["Allow"][:9]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/api/problems/away", "/api/docs", "/api/v1/openapi.json"])
def test_documents_are_only_read(client: Any, path: str) -> None:
    assert client.get(path).status_code == 200
    assert client.post(path).status_code == 405
