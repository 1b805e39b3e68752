"""A custodian at `/custody/{currency}/{day}`: it says what the desk told it to hold."""

from decimal import Decimal, InvalidOperation

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.sandbox.dialects.doors import object_in


def routes() -> list[Route]:
    """What the simulator's application serves of it."""
    return [
        Route("/custody/{currency}/{day}", tell),
        Route("/control/custody", hold, methods=["POST"]),
    ]


async def hold(request: Request) -> Response:
    """{currency, balance}: what is held from now on, on any day."""
    body = await object_in(request)
    try:
        balance = str(Decimal(str(body["balance"])))
    except (KeyError, InvalidOperation):
        return JSONResponse({"error": "malformed"}, 400)
    request.app.state.custody[str(body.get("currency", "CNY"))] = balance
    return JSONResponse({"held": request.app.state.custody})


async def tell(request: Request) -> Response:
    """What is held; nothing is told of a currency that nobody spoke of."""
    held = request.app.state.custody.get(request.path_params["currency"])
    if held is None:
        return JSONResponse({"error": "not_told"}, 404)
    return JSONResponse({"balance": held})
