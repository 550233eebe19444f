"""The server side of the wire: programs call methods and hear events over one WebSocket."""
