"""The job with the Python SDK. Prints its facts as one JSON object."""

import asyncio
import json
import subprocess
import sys
import time
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.auth.oauth2 import AuthorizationCodeResult
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

REDIRECT = "http://127.0.0.1:9/callback"
JOB = json.loads(sys.argv[1])


def script(path, job):
    """Runs one of the Node scripts and reads the JSON that it prints."""
    done = subprocess.run([JOB["node"], path, json.dumps(job)], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"{path}: {done.stderr}")
    return json.loads(done.stdout)


class Memory:
    """What the client keeps between two starts."""

    def __init__(self):
        self.tokens = None
        self.client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


class Person:
    """Opens the address that the SDK asks for, and brings back where the browser ended up."""

    def __init__(self):
        self.callback = None
        self.is_gone = False

    async def open(self, url):
        if self.is_gone:
            raise RuntimeError("must sign in again")
        job = {"url": url, "user": JOB["user"], "idp": JOB["idp"], "stopAt": REDIRECT}
        self.callback = (await asyncio.to_thread(script, JOB["personScript"], job))["callback"]

    async def result(self):
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.callback).query).items()}
        return AuthorizationCodeResult(code=query["code"], state=query.get("state"), iss=query.get("iss"))


def provider(memory, person):
    metadata = OAuthClientMetadata(client_name="e2e python", redirect_uris=[REDIRECT], token_endpoint_auth_method="none")
    return OAuthClientProvider(JOB["url"], metadata, memory, person.open, person.result)


async def with_client(auth, body):
    async with httpx2.AsyncClient(auth=auth, timeout=30) as http:
        async with Client(streamable_http_client(JOB["url"], http_client=http), cache=None) as client:
            return await body(client)


async def tools(client):
    return sorted(tool.name for tool in (await client.list_tools()).tools)


async def call(client, wanted):
    result = await client.call_tool(wanted["name"], wanted["arguments"])
    said = "\n".join(block.text for block in result.content)
    if result.is_error:
        raise RuntimeError(said)
    return said


async def first_visit(client):
    facts = {"tools": await tools(client), "allowed": await call(client, JOB["allowed"])}
    try:
        said = await call(client, JOB["refused"])
    except Exception as error:
        return {**facts, "refused": f"{type(error).__name__}: {error}"}
    raise SystemExit(f"the refused call was allowed: {said}")


def innermost(error):
    """The SDK raises groups of errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


async def main():
    memory, person = Memory(), Person()
    auth = provider(memory, person)
    facts = await with_client(auth, first_visit)
    first = memory.tokens

    # An expired access token: the SDK looks at the clock and refreshes before it asks. Nobody is at the browser any more.
    person.is_gone = True
    auth.context.token_expiry_time = time.time() - 1
    facts["toolsAfterRefresh"] = await with_client(auth, tools)
    second = memory.tokens
    facts["isRotated"] = first.access_token != second.access_token and first.refresh_token != second.refresh_token

    facts["clientId"] = memory.client.client_id
    tokens = {"accessToken": second.access_token, "refreshToken": second.refresh_token}
    facts["signedOut"] = script(JOB["signOutScript"], {"url": JOB["url"], "clientId": facts["clientId"], **tokens})
    try:
        await with_client(provider(memory, person), tools)
    except Exception as error:
        facts["afterSignOut"] = innermost(error)
    if "afterSignOut" not in facts:
        raise SystemExit("the client still works after the sign-out")
    print(json.dumps(facts))


asyncio.run(main())
