"""The example of the README: make a job, follow it, print what came out."""

import asyncio
import sys

from clawsite.rpc import GatewayClient, GatewayTarget


async def main(url: str) -> None:
    """Run the self-test of a gateway."""
    target = GatewayTarget(id="here", ws_url=url, token_ref="env:CLAW_GATEWAY_TOKEN")
    async with GatewayClient(target) as client:
        answer = await client.request("jobs.create", {"kind": "selftest", "start": False})
        job_id = answer["job"]["id"]
        await client.request("jobs.start", {"id": job_id})
        async for event in client.subscribe(job_id):
            print(event.seq, event.kind, event.data)
        answer = await client.request("jobs.result", {"id": job_id})
        print(answer["job"]["state"], answer["result"])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
