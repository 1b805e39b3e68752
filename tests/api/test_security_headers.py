"""What goes out with every answer: kept by nobody, framed by nobody, guessed at by nobody."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from server.app import RequestFrame, _routes
from server.settings import Settings


def client(folder: Path, environment: str, base: str = "http://testserver") -> TestClient:
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "app.js").write_text("1")
    config = Settings(_env_file=None, environment=environment, shop_folder=folder)
    app = Starlette(routes=_routes(config))
    app.add_middleware(RequestFrame, encrypted=environment == "production")
    return TestClient(app, base_url=base)


@pytest.fixture
def shop(tmp_path: Path) -> TestClient:
    return client(tmp_path, "production")


DOORS = ("/graphql/shop", "/graphql/partner", "/graphql/admin", "/admin/card-imports", "/healthz")


@pytest.mark.parametrize("path", [*DOORS, "/", "/app.js", "/no/such.png"])
def test_every_answer_is_guarded(shop: TestClient, path: str) -> None:
    for method in ("GET", "POST"):
        headers = shop.request(method, path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


@pytest.mark.parametrize("path", DOORS)
def test_nothing_that_may_carry_codes_is_stored(shop: TestClient, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert shop.request(method, path).headers["cache-control"] == "no-store"


def test_a_route_that_says_nothing_is_not_stored_either() -> None:
    """The default is the careful one: a new route need not think of it."""

    async def answer(scope: object, receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore
        await send({"type": "http.response.body", "body": b"code"})  # type: ignore

    bare = TestClient(RequestFrame(answer))  # type: ignore[arg-type]
    assert bare.get("/anything").headers["cache-control"] == "no-store"


def test_the_shops_own_files_are_kept_and_asked_about(shop: TestClient) -> None:
    for path in ("/", "/app.js", "/orders/1"):
        response = shop.get(path)
        assert response.status_code == 200
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["etag"]


def test_a_laptop_without_tls_is_not_told_to_insist_on_it(tmp_path: Path) -> None:
    plain = client(tmp_path, "development").get("/healthz")
    assert "strict-transport-security" not in plain.headers
    tls = client(tmp_path, "development", "https://testserver").get("/healthz")
    assert "strict-transport-security" in tls.headers
