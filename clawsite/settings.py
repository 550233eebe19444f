"""Settings of the whole system, all from the environment (see .env.example). Nothing here talks to the network."""

from __future__ import annotations

import os
import secrets
from datetime import timedelta
from pathlib import Path

from cryptography.fernet import Fernet

from clawsite.core.addresses import check_redis_url, read_database_url
from clawsite.core.env import env_bool, env_float, env_int, env_list, env_secret, env_str, require
from clawsite.core.folders import env_folder, make_folder
from clawsite.core.keys import load_or_create_key
from clawsite.core.logconfig import FORMATS, make_logging
from clawsite.core.zones import is_time_zone
from clawsite.theme import THEME

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"

# --- Where things are -------------------------------------------------------------------------------------------
CLAW_HOME = make_folder("CLAW_HOME", env_folder("CLAW_HOME", "~/.clawsite"))
CLAW_HOST = env_str("CLAW_HOST", "127.0.0.1").strip("[]")
CLAW_PORT = env_int("CLAW_PORT", 18789, least=1, most=65535)
CLAW_PUBLIC_URL = env_str("CLAW_PUBLIC_URL").rstrip("/")
MEDIA_ROOT = CLAW_HOME / "media"
# What lives as long as the processes: sockets, counters, the supervisor's lock. Two versions that share a CLAW_HOME for
# the time of a switch have one each, and a name each.
RUN_DIR = env_folder("CLAW_RUN_DIR", CLAW_HOME / "run")
CLAW_INSTANCE = env_str("CLAW_INSTANCE")

# --- Keys: made once, kept in files of the state directory ------------------------------------------------------
SECRET_KEY = env_secret("SECRET_KEY") or load_or_create_key(CLAW_HOME / "secret.key", lambda: secrets.token_urlsafe(50))
SECRET_KEY_FALLBACKS = env_secret("SECRET_KEY_FALLBACKS").replace(",", "\n").split()
# The keys come from the environment or, when it has none, from a file that every process reads again when it changes.
CLAW_ENCRYPTION_KEYS = tuple(env_secret("CLAW_ENCRYPTION_KEYS").replace(",", "\n").split())
CLAW_KEY_FILE = CLAW_HOME / "encryption.key"
if not CLAW_ENCRYPTION_KEYS:
    load_or_create_key(CLAW_KEY_FILE, lambda: Fernet.generate_key().decode())
# Days after which the stored secrets get a fresh key; 0 leaves that to `manage.py rotatekeys`.
CLAW_KEY_DAYS = env_int("CLAW_KEY_DAYS", 0)

# --- Django -----------------------------------------------------------------------------------------------------
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", *env_list("CLAW_ALLOWED_HOSTS")]
CSRF_TRUSTED_ORIGINS = [CLAW_PUBLIC_URL] if CLAW_PUBLIC_URL else []
if CLAW_PUBLIC_URL:
    ALLOWED_HOSTS.append(CLAW_PUBLIC_URL.split("://")[-1].split("/")[0].rsplit(":", 1)[0])
ROOT_URLCONF = "clawsite.urls"
ASGI_APPLICATION = "clawsite.asgi.application"
AUTH_USER_MODEL = "core.User"
WAFFLE_FLAG_MODEL = "core.FeatureFlag"
MIGRATION_MODULES = {"waffle": "clawsite.core.waffle.migrations"}
LOGIN_URL = "/admin/login/"
LOGIN_REDIRECT_URL = "/admin/"  # after a login that was not on the way to another page
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "django_q",
    "clawsite.core.apps.FlagsConfig",
    "axes",
    "django_otp",
    "clawsite.core",
    "guardrails",
    "sessions_app",
    "runbooks",
    "bots",
    "clawsite",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "clawsite.web.security.SecurityHeadersMiddleware",
    "clawsite.web.limits.PageLimits",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# --- Wrong passwords: by name and address, so that nobody can lock an account for everybody ------------------------
CLAW_LOGIN_TRIES = env_int("CLAW_LOGIN_TRIES", 10, least=1)
CLAW_LOGIN_LOCK_MINUTES = env_int("CLAW_LOGIN_LOCK_MINUTES", 30, least=1)
AXES_FAILURE_LIMIT = CLAW_LOGIN_TRIES
AXES_COOLOFF_TIME = timedelta(minutes=CLAW_LOGIN_LOCK_MINUTES)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_USERNAME_CALLABLE = "clawsite.web.lockout.name_of_try"
AXES_CLIENT_IP_CALLABLE = "clawsite.web.lockout.address_of_try"
AXES_LOCKOUT_CALLABLE = "clawsite.web.lockout.refuse"
AXES_SENSITIVE_PARAMETERS = ["username", "csrfmiddlewaretoken"]
AXES_DISABLE_ACCESS_LOG = True  # logins are in the audit log
AXES_ENABLE_ADMIN = AXES_VERBOSE = False
# Whether the admin pages need a second factor; without, each account chooses.
CLAW_ADMIN_OTP = env_bool("CLAW_ADMIN_OTP")

# --- Database: SQLite in CLAW_HOME, or DATABASE_URL ---------------------------------------------------------------
# FULL: an acknowledged message survives power loss. IMMEDIATE: a reader that starts to write never fails at once.
# 4 MB of pages for each connection: four times as many made no look faster that matters (0.14 ms against 0.16 ms for
# the rows of a turn), and took a process alone with its database some six thousand messages to fill.
_SQLITE_OPTIONS = {
    "timeout": env_int("CLAW_SQLITE_TIMEOUT", 20, least=1),
    "transaction_mode": "IMMEDIATE",
    "init_command": (
        "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA temp_store=MEMORY;"
        "PRAGMA cache_size=-4000;PRAGMA journal_size_limit=67108864"
    ),
}
# Nothing waits for ever: not for a server that is gone, nor for a lock; and a process that was frozen inside a
# transaction must not keep its locks. What DATABASE_URL says itself (?connect_timeout=3) comes first.
_POSTGRES_OPTIONS = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "options": "-c lock_timeout=20s -c idle_in_transaction_session_timeout=20s",
}
DATABASE_URL = env_secret("DATABASE_URL")
if DATABASE_URL:
    DATABASES = {"default": read_database_url(DATABASE_URL)}
    DATABASES["default"]["OPTIONS"] = _POSTGRES_OPTIONS | DATABASES["default"].get("OPTIONS", {})
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(CLAW_HOME / "clawsite.sqlite3"),
            "OPTIONS": _SQLITE_OPTIONS,
            "CONN_MAX_AGE": None,
            "TEST": {"NAME": str(CLAW_HOME / "test.sqlite3")},
        },
    }
CLAW_ON_SQLITE = "sqlite" in DATABASES["default"]["ENGINE"]

# --- Redis (optional): limits and the channel layer ---------------------------------------------------------------
REDIS_URL = check_redis_url(env_secret("REDIS_URL"))
CHANNEL_LAYERS = {
    "default": (
        {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
        if REDIS_URL
        else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    )
}
CACHES = {
    "default": (
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
        if REDIS_URL
        # Limits of many addresses stand in it; when it is full, a third goes at random.
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 20_000}}
    )
}
# How often what may happen, where it is not as guardrails.rates says.
CLAW_RATES = env_list("CLAW_RATES")
# They count per process without Redis, which is right for the one web process of that set-up.
SILENCED_SYSTEM_CHECKS = ["django_ratelimit.E003", "django_ratelimit.W001"]

# --- Worker (django-q2): carries ids, wakes workers; the truth is in our rows --------------------------------------
CLAW_WORKERS = env_int("CLAW_WORKERS", 1, least=1)
Q_CLUSTER = {
    "name": "clawsite",
    "orm": "default",
    "workers": CLAW_WORKERS,
    "queue_limit": CLAW_WORKERS,
    "bulk": 1,
    "timeout": 120,
    "retry": 420,
    "max_attempts": 5,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": 200,
    "poll": 0.5,
    "label": "Worker",
    "broker_class": "clawsite.core.queue.NudgeBroker",
    # Periodic work is our own ticker's; and a process of the cluster that is gone is always taken for an accident.
    "scheduler": False,
    "recycle": 1_000_000,
}

# Jobs that one machine's worker runs at once, each in a process of its own, and events kept of one job.
CLAW_JOBS = env_int("CLAW_JOBS", 8, least=1)
CLAW_JOB_EVENTS = env_int("CLAW_JOB_EVENTS", 100_000, least=10)
CLAW_JOB_EVENT_BYTES = env_int("CLAW_JOB_EVENT_BYTES", 512 * 1024 * 1024, least=1024)

# How often the monitored systems are asked how they do.
CLAW_SYSTEMS_SECONDS = env_int("CLAW_SYSTEMS_SECONDS", 30, least=1)

# --- Languages, time, files ---------------------------------------------------------------------------------------
LANGUAGE_CODE = env_str("CLAW_LANGUAGE", "en").lower()
LANGUAGES = [("en", "English"), ("pt-br", "Português (Brasil)"), ("ru", "Русский")]
require(LANGUAGE_CODE in dict(LANGUAGES), "CLAW_LANGUAGE", f"Use one of: {', '.join(dict(LANGUAGES))}.")
USE_I18N = True
LOCALE_PATHS = [BASE_DIR / "clawsite" / "locale", BASE_DIR / "bots" / "locale"]  # our words before Django's own
USE_TZ = True
TIME_ZONE = env_str("TIME_ZONE", "UTC")
require(is_time_zone(TIME_ZONE), "TIME_ZONE", "Use a name such as America/Sao_Paulo or UTC.")
STATIC_URL = "/static/"
STATIC_ROOT = make_folder("CLAW_HOME", CLAW_HOME / "static")  # or the static files' middleware warns
STATICFILES_DIRS = [BASE_DIR / "clawsite" / "web" / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# --- Browser security ---------------------------------------------------------------------------------------------
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "clawsite.web.errors.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
_TLS = CLAW_PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = _TLS
CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if _TLS else 0
WHITENOISE_ALLOW_ALL_ORIGINS = False
# Only a proxy that sets this header itself may be trusted with it.
if env_bool("CLAW_BEHIND_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CLAW_BEHIND_PROXY = env_bool("CLAW_BEHIND_PROXY")
SECURE_SSL_REDIRECT = _TLS and CLAW_BEHIND_PROXY
# W005, W021: other names below this domain are not ours to decide on.
SILENCED_SYSTEM_CHECKS += ["security.W005", "security.W021"]

# --- Channels and people ------------------------------------------------------------------------------------------
TELEGRAM_BOT_TOKEN = env_secret("TELEGRAM_BOT_TOKEN")
TELEGRAM_API_URL = env_str("TELEGRAM_API_URL", "https://api.telegram.org").rstrip("/")
TELEGRAM_MODE = env_str("TELEGRAM_MODE", "polling")
TELEGRAM_WEBHOOK_SECRET = env_secret("TELEGRAM_WEBHOOK_SECRET")
TELEGRAM_ADMIN_USERS = env_list("TELEGRAM_ADMIN_USERS")
TELEGRAM_ALLOWED_USERS = env_list("TELEGRAM_ALLOWED_USERS")
# Calls a second to one direct chat, calls a minute to one group, calls a second of one bot (research: Telegram's FAQ).
CLAW_CHAT_RATE = env_float("CLAW_CHAT_RATE", 1.0, least=0.01)
CLAW_GROUP_RATE = env_float("CLAW_GROUP_RATE", 18.0, least=0.1)
CLAW_BOT_RATE = env_float("CLAW_BOT_RATE", 25.0, least=0.1)
CLAW_BOT_NAMES = env_list("CLAW_BOT_NAMES") or ["copilot"]

# --- Alerts -------------------------------------------------------------------------------------------------------
# The bearer token of Alertmanager's webhook_configs; without one nothing is taken.
ALERTMANAGER_WEBHOOK_TOKEN = env_secret("ALERTMANAGER_WEBHOOK_TOKEN")

# --- Model --------------------------------------------------------------------------------------------------------
ANTHROPIC_API_KEY = env_secret("ANTHROPIC_API_KEY")
ANTHROPIC_BASE_URL = env_str("ANTHROPIC_BASE_URL").rstrip("/")
# Ordered targets for failover: "model" or "model@base-url", comma separated.
CLAW_MODELS = env_list("CLAW_MODELS") or ["claude-sonnet-5-5", "claude-haiku-5-5"]
CLAW_TURN_SECONDS = env_int("CLAW_TURN_SECONDS", 300, least=5)
CLAW_TURN_STEPS = env_int("CLAW_TURN_STEPS", 25, least=1)
CLAW_TURN_USD = env_float("CLAW_TURN_USD", 1.0)
CLAW_DAY_USD = env_float("CLAW_DAY_USD", 20.0)
CLAW_CODE_SECONDS = env_int("CLAW_CODE_SECONDS", 1800, least=30)
CLAW_CODE_STEPS = env_int("CLAW_CODE_STEPS", 60, least=1)
CLAW_CODE_USD = env_float("CLAW_CODE_USD", 3.0)
CLAW_CODE_DAY_USD = env_float("CLAW_CODE_DAY_USD", 10.0)

# --- Guardrails ---------------------------------------------------------------------------------------------------
CLAW_INPUT_CHARS = env_int("CLAW_INPUT_CHARS", 4096, least=1)
CLAW_USER_RATE = env_int("CLAW_USER_RATE", 30, least=1)
CLAW_USER_RATE_SECONDS = env_int("CLAW_USER_RATE_SECONDS", 60, least=1)
# What happens to personal data in answers: off, mask or block; and in questions: off, note or block.
CLAW_PII_OUTPUT = env_str("CLAW_PII_OUTPUT", "mask")
CLAW_PII_INPUT = env_str("CLAW_PII_INPUT", "note")
# Domains that answers may link to beside those of the user and of tool results, and hosts fetch_url may reach
# even when their address is private.
CLAW_ALLOWED_LINKS = env_list("CLAW_ALLOWED_LINKS")
CLAW_PRIVATE_HOSTS = env_list("CLAW_PRIVATE_HOSTS")
CLAW_CA_FILE = env_str("CLAW_CA_FILE")

# --- Projects: how many a person may have, and how much one may hold; where they may be cloned from -----------------
CLAW_PROJECTS = env_int("CLAW_PROJECTS", 20, least=1)
CLAW_PROJECT_MEGABYTES = env_int("CLAW_PROJECT_MEGABYTES", 500, least=1)
CLAW_PROJECT_FILES = env_int("CLAW_PROJECT_FILES", 50_000, least=1)
# Commands of projects run without a sandbox where there is none: they can read all that the service can.
CLAW_UNSANDBOXED = env_bool("CLAW_UNSANDBOXED")
CLAW_GIT_REMOTES = env_list("CLAW_GIT_REMOTES")

# --- Processes ----------------------------------------------------------------------------------------------------
CLAW_LEASE_SECONDS = env_int("CLAW_LEASE_SECONDS", 60, least=2)
CLAW_TURNS = env_int("CLAW_TURNS", 128, least=1)
CLAW_DRAIN_SECONDS = env_int("CLAW_DRAIN_SECONDS", 15, least=1)
# A process whose event loop has not moved for so long is taken for hung, killed and started anew.
CLAW_HANG_SECONDS = env_int("CLAW_HANG_SECONDS", 15, least=2)
# A role that needs more for some time finishes or hands back its work and begins anew; 0: none does.
CLAW_ROLE_MEGABYTES = env_int("CLAW_ROLE_MEGABYTES", 1024, least=0)

# --- Self alerts: the system's own troubles, to the chats of its admins and by mail ---------------------------------
CLAW_SELF_ALERTS = env_bool("CLAW_SELF_ALERTS", True)
CLAW_ALERT_MAIL = env_list("CLAW_ALERT_MAIL")
CLAW_ALERT_MAIL_FROM = env_str("CLAW_ALERT_MAIL_FROM")
CLAW_ALERT_MAIL_SERVER = env_secret("CLAW_ALERT_MAIL_SERVER")

# --- Backups ------------------------------------------------------------------------------------------------------
CLAW_BACKUP_DIR = env_folder("CLAW_BACKUP_DIR", CLAW_HOME / "backups")
# A second place, s3://bucket/folder?endpoint=https://host&region=name, and its keys.
CLAW_BACKUP_S3 = env_str("CLAW_BACKUP_S3")
CLAW_BACKUP_S3_KEY = env_secret("CLAW_BACKUP_S3_KEY")
CLAW_BACKUP_S3_SECRET = env_secret("CLAW_BACKUP_S3_SECRET")
# The public key of age for whom backups are encrypted; without one CLAW_HOME/backup.key is made, to be kept elsewhere.
CLAW_BACKUP_RECIPIENT = env_str("CLAW_BACKUP_RECIPIENT")
# What a backup may hold: the same bounds when it is made and when an archive is opened.
CLAW_BACKUP_FILES = env_int("CLAW_BACKUP_FILES", 200_000, least=100)
CLAW_BACKUP_GIGABYTES = env_int("CLAW_BACKUP_GIGABYTES", 64, least=1)
# How often the log of a SQLite database is copied there, for a recovery to any moment of the last so many hours; 0 is
# never, which is what holds where nobody said where backups go: beside its database a log protects from little.
CLAW_SHIPPING_SECONDS = env_int("CLAW_SHIPPING_SECONDS", 2 if env_str("CLAW_BACKUP_DIR") or CLAW_BACKUP_S3 else 0)
CLAW_SHIPPING_HOURS = env_int("CLAW_SHIPPING_HOURS", 72, least=1)
# The folder that PostgreSQL's archive_command fills, where this machine sees it (manage.py postgreslog settings).
CLAW_WAL_DIR = env_str("CLAW_WAL_DIR")
# How many days, weeks and months keep their last backup.
CLAW_BACKUP_DAYS = env_int("CLAW_BACKUP_DAYS", 30, least=1)
CLAW_BACKUP_WEEKS = env_int("CLAW_BACKUP_WEEKS", 12)
CLAW_BACKUP_MONTHS = env_int("CLAW_BACKUP_MONTHS", 12)

# --- Gateway ------------------------------------------------------------------------------------------------------
CLAW_GATEWAY_TOKEN = env_secret("CLAW_GATEWAY_TOKEN")
# By address: sockets that have not said who they are, and connections; this machine may have a hundred times as many.
CLAW_GATEWAY_OPENING = env_int("CLAW_GATEWAY_OPENING", 32, least=1)
CLAW_GATEWAY_CONNECTIONS = env_int("CLAW_GATEWAY_CONNECTIONS", 200, least=1)
# TLS without a proxy in front: PEM files. Clients may, but need not, show a certificate of this authority.
CLAW_TLS_CERT = env_str("CLAW_TLS_CERT")
CLAW_TLS_KEY = env_str("CLAW_TLS_KEY")
CLAW_TLS_CLIENT_CA = env_str("CLAW_TLS_CLIENT_CA")
# Requests a second on one connection.
CLAW_GATEWAY_RATE = env_int("CLAW_GATEWAY_RATE", 50_000, least=1)
# prometheus_client reads this when it is imported, which django_q does before any module of ours.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(RUN_DIR / "metrics")

# --- Logs: one line each; secrets are removed by a filter on every handler ----------------------------------------
_LEVEL = env_str("CLAW_LOG_LEVEL", "INFO").upper()
require(_LEVEL in ("DEBUG", "INFO", "WARNING", "ERROR"), "CLAW_LOG_LEVEL", "Use DEBUG, INFO, WARNING or ERROR.")
# The same lines in a file that `logs.tail` reads, and three older ones; 0 writes none.
CLAW_LOG_BYTES = env_int("CLAW_LOG_BYTES", 10_485_760)
CLAW_LOG_FILE = CLAW_HOME / "logs" / "clawsite.log"
# Lines for people, or a JSON object a line for a collector of logs.
_FORM = env_str("CLAW_LOG_FORMAT", "line").lower()
require(_FORM in FORMATS, "CLAW_LOG_FORMAT", "Use line or json.")
LOGGING = make_logging(level=_LEVEL, form=_FORM, path=CLAW_LOG_FILE, size=CLAW_LOG_BYTES)

# --- Traces (optional): spans of every message and job go to an OpenTelemetry collector by OTLP over HTTP ----------
CLAW_OTLP_URL = env_str("CLAW_OTLP_URL").rstrip("/")
CLAW_OTLP_TOKEN = env_secret("CLAW_OTLP_TOKEN")
_starts = CLAW_OTLP_URL.startswith(("http://", "https://"))
require(not CLAW_OTLP_URL or _starts, "CLAW_OTLP_URL", "Use a URL such as http://127.0.0.1:4318.")

UNFOLD = THEME
