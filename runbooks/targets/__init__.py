"""Other gateways that jobs may be sent to: their rows, the choice among them, and trying one."""
