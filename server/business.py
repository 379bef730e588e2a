"""What the service is there for: digits of pi, and orders of more of them; both are counted."""

from collections import Counter
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

MOST = 1000
"""Digits that one request gets."""

Plan = Literal["starter", "pro"]


class Order(BaseModel):
    """What a customer sends to have more."""

    plan: Plan


class Business:
    """What was used, by feature, and how many users became customers, by plan."""

    def __init__(self) -> None:
        """Begin at zero, said so: a series that begins with its first event has no increase."""
        self.usage: Counter[str] = Counter({"digits": 0})
        self.conversions: Counter[str] = Counter({"starter": 0, "pro": 0})

    def routes(self) -> APIRouter:
        """Return the routes that move the counts."""
        router = APIRouter(prefix="/api")

        @router.get("/pi")
        async def digits(digits: Annotated[int, Query(ge=1, le=MOST)] = 20) -> dict[str, str]:
            """Give pi to so many digits after the point."""
            found = pi(digits)
            self.usage["digits"] += 1
            return {"pi": found}

        @router.post("/orders", status_code=201)
        async def order(order: Order) -> dict[str, str]:
            """Take an order."""
            self.conversions[order.plan] += 1
            return {"plan": order.plan}

        return router


def pi(digits: int) -> str:
    """Return pi to `digits` digits after the point, none of them rounded.

    By Machin's formula, pi = 16 arctan(1/5) - 4 arctan(1/239), in whole numbers.
    """
    guard = 10**10  # the digits that the cut-off parts of the sums may spoil
    one = 10**digits * guard
    found = str((16 * _arctan_of_inverse(5, one) - 4 * _arctan_of_inverse(239, one)) // guard)
    return f"{found[0]}.{found[1:]}"


def _arctan_of_inverse(x: int, one: int) -> int:
    term = total = one // x
    n, sign = 1, 1
    while term:
        term //= x * x
        n, sign = n + 2, -sign
        total += sign * (term // n)
    return total
