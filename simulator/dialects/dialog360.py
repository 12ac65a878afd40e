"""360dialog: Meta's messages and webhooks behind a key of its own."""

from typing import Any

from simulator.accounts import Account, Accounts
from simulator.dialects.base import Answer, Call, Endpoint, Failure, Post, Refusal
from simulator.dialects.meta import Meta, escaped
from simulator.templates import Catalogue

_PAGE = 1000  # without a limit in the query


class Dialog360(Meta):
    name = "360dialog"
    send_path = "/{edge:messages|marketing_messages}"
    needs = ("key",)

    def __init__(self) -> None:
        self.endpoints = (
            Endpoint("GET", "/v1/configs/templates", self._templates),
            Endpoint("GET", r"/{media_id:\d+}", self._media),
            Endpoint("GET", self._media_path, self._media_content),
        )

    def identity(self, account: Account) -> str:
        return account.key

    def caller(self, call: Call) -> str:
        return call.headers.get("D360-API-KEY", "")

    def trusts(self, account: Account, call: Call) -> bool:
        return self.caller(call) == account.key

    def stranger(self, call: Call) -> Answer:
        return self.refuse(Refusal(Failure.CREDENTIALS, "Invalid api key"))

    def refuse(self, refusal: Refusal) -> Answer:
        """360dialog itself refuses a wrong key, Meta everything else."""
        if refusal.failure is not Failure.CREDENTIALS:
            return super().refuse(refusal)
        error = {"success": False, "http_code": 401, "developer_message": refusal.detail}
        return Answer.json(401, {"meta": error})

    def handshake(self, account: Account, challenge: str) -> None:
        return None

    def media_origin(self, call: Call) -> str:
        return "https://lookaside.fbsbx.com"  # this host takes no key of 360dialog's

    def _post(self, account: Account, entries: list[dict[str, Any]]) -> Post:
        """Not signed: a webhook has the headers that were registered with it."""
        headers = {"Content-Type": "application/json"}
        if account.secret:
            headers["X-Webhook-Secret"] = account.secret
        body = escaped({"object": "whatsapp_business_account", "entry": entries})
        return Post(account.webhook_url, body, headers)

    def _templates(self, call: Call, accounts: Accounts, catalogue: Catalogue) -> Answer:
        account = accounts.identified(self.name, self.caller(call))
        if account is None:
            return self.stranger(call)
        limit, start = _number(call, "limit", _PAGE), _number(call, "offset", 0)
        templates = catalogue.of(account.name)
        rows = [
            {**one, "status": one["status"].lower(), "namespace": "ns_360"}
            for one in templates[start : start + limit]
        ]
        about = {"count": len(rows), "total": len(templates), "limit": limit, "offset": start}
        return Answer.json(200, {**about, "waba_templates": rows})


def _number(call: Call, name: str, otherwise: int) -> int:
    given = call.query.get(name, "")
    return int(given) if given.isdigit() else otherwise
