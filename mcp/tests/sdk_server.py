"""A server on the official SDK for Python, over streamable HTTP on the port that is given, or over stdio without one."""

import os
import sys

from mcp.server import MCPServer
from mcp.server.mcpserver import Context, Image

server = MCPServer("official")


@server.tool()
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@server.tool()
def picture() -> Image:
    """Gives a picture."""
    return Image(data=b"\x89PNG", format="png")


@server.tool()
def fails() -> str:
    """Always fails."""
    raise ValueError("on purpose")


@server.tool()
async def counts(to: int, context: Context) -> str:
    """Counts, and tells how far it is."""
    for number in range(to):
        await context.report_progress(number, to)
    return f"counted to {to}"


@server.tool()
async def grows(context: Context) -> str:
    """Adds a tool, and says so."""

    @server.tool()
    def grown() -> str:
        """Was added later."""
        return "grown"

    if hasattr(context, "notify_tools_changed"):
        await context.notify_tools_changed()
    await context.session.send_tool_list_changed()
    return "added"


if len(sys.argv) > 1:
    server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
else:
    server.run("stdio")
