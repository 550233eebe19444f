"""The web chat: a page, a socket, uploads. It stores what visitors write and shows what is stored; bots answers."""
