"""How the admin pages look: settings of their theme. Nothing here needs Django to be set up."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static

THEME: dict[str, Any] = {
    "SITE_TITLE": "clawsite",
    "SITE_HEADER": "clawsite",
    "SITE_SYMBOL": "forum",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "STYLES": [lambda request: static("clawadmin/admin.css")],
    "DASHBOARD_CALLBACK": "clawsite.admin.overview.overview",
    "SIDEBAR": {"navigation": "clawsite.admin.navigation.sidebar"},
    "ACCOUNT": {"navigation": "clawsite.admin.navigation.account"},
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("web/favicon.svg")}],
    # The red of the other pages.
    "COLORS": {
        "primary": {
            "50": "#fdf3f1", "100": "#fbe4df", "200": "#f7cdc4", "300": "#f0aa9b", "400": "#f0745d", "500": "#dc5640",
            "600": "#c8412b", "700": "#a83321", "800": "#8b2d1f", "900": "#742b20", "950": "#3f130c",
        },
    },
}  # fmt: skip
