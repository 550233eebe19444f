"""Why something did not work, in the reader's language, where it was written down in English.

Jobs, and what reads the systems, work for every language and for none: they write English into their rows. What of it
people read in chats is recognized here by its sentence, and said in theirs; anything else is shown as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

# As they are raised, with the values' names in braces.
SENTENCES = (
    # guarded calls, and what answered them
    gettext_noop("{place} did not answer within {seconds} seconds."),
    gettext_noop("{place} did not answer as a web server does."),
    gettext_noop("{place} broke off in the middle of its answer."),
    gettext_noop("{place} cannot be reached."),
    gettext_noop("{place} leads to an address that is no host, which I do not open."),
    gettext_noop("The host of this address cannot be found."),
    gettext_noop("The answer of {place} is larger than {size} KiB."),
    gettext_noop("The answer is not JSON."),
    gettext_noop("It answered with status {status}."),
    gettext_noop("It answered with the status {status}."),
    gettext_noop("What answers there is not Alertmanager."),
    gettext_noop("Alertmanager does not take this: {told}"),
    gettext_noop("Alertmanager was not reached."),
    gettext_noop("The system of this alert was removed."),
    gettext_noop("The stored credentials cannot be read; enter them anew."),
    # metrics and briefings
    gettext_noop("A period can be from one minute to 31 days long."),
    gettext_noop("There is no such metric any more."),
    gettext_noop("The conversation of this briefing was removed."),
    # jobs
    gettext_noop("internal error {id}"),
    gettext_noop("It used too much and was ended: {resource}."),
    gettext_noop("Its time was over."),
    gettext_noop("It did not stop when asked and was ended by force."),
    gettext_noop("Interrupted: its process died in the middle, and it must not be run twice."),
    gettext_noop("Given up: its process died {count} times."),
    # pipelines of projects
    gettext_noop("{name} does not take the token: it is wrong or has expired."),
    gettext_noop("{name} knows no such thing, or the token may not see it."),
    gettext_noop("{name} does not allow this to the token{told}."),
    gettext_noop("{name} does not do this as things stand{told}."),
    gettext_noop("{name} was asked too often and wants {seconds} seconds of rest."),
    gettext_noop("{name} answered with status {status}."),
    gettext_noop("The connection has no token. An admin enters one in the admin pages."),
    gettext_noop("The connection names no workflow to start. An admin enters it in the admin pages."),
    gettext_noop("This pipeline waits for nobody."),
    gettext_noop("The claw.yaml of {name} names no stages, no tests and no build."),
    gettext_noop("The stage {stage} ended with code {code}."),
    gettext_noop("The stage {stage} took too long and was ended."),
    gettext_noop("The stage {stage} used too much and was ended: {resource}."),
    gettext_noop("The stage {stage} was not approved."),
    gettext_noop("The stage {stage} was interrupted, and nobody knows how far it came."),
    gettext_noop("What was approved of the stage {stage} has changed since."),
    gettext_noop("The project has no forge. An admin connects it in the admin pages."),
    gettext_noop("This connection only listens: nothing can be asked of it."),
    gettext_noop("The forge failed often and is left alone for a moment: {why}"),
    gettext_noop("There is no pipeline {number}."),
    gettext_noop("What waits in pipeline {number} has changed. Look at it once more."),
    gettext_noop("This cannot be the name of a branch."),
    gettext_noop("Nothing of this name waits. What waits: {told}."),
    gettext_noop("The token of the connection may not approve this at GitHub."),
    gettext_noop("What answers there is not {name}."),
    # deploys of projects
    gettext_noop("{environment} is locked by {name} since {told}: {text}"),
    gettext_noop("{environment} is frozen: nothing is deployed there now."),
    gettext_noop("There are changes that are not committed."),
    gettext_noop("The commit {commit} is not on {branch}."),
    gettext_noop("The commit {commit} was not live in {environment} before."),
    gettext_noop("The commit {commit} was never live in {environment}."),
    gettext_noop("There is no environment {quoted}. There are: {told}."),
    gettext_noop("There is no environment {quoted}. claw.yaml names none."),
    gettext_noop("claw.yaml says something else of {environment} by now. Deploy again."),
    gettext_noop("claw.yaml names no logs for {environment}."),
    gettext_noop("There is no log of {environment} yet."),
    gettext_noop("Nothing was live in {environment} before, so there is nothing to go back to."),
    gettext_noop("There are no tests: claw.yaml names no command for them."),
    gettext_noop("There are no tests: {told} ran none."),
    gettext_noop("{project} has no maintainer who could approve this."),
    gettext_noop("The release {commit} is not there."),
    gettext_noop("It is not healthy: {why}"),
    # projects
    gettext_noop("This is not the name of a commit."),
    gettext_noop("There is no commit {quoted} in {project}."),
    gettext_noop("The project is being changed by somebody else."),
    gettext_noop("Commands of projects need the sandbox of bubblewrap, which does not work on this machine."),
    gettext_noop("The repository is empty."),
    gettext_noop("It could not be cloned: {told}"),
    gettext_noop("A project holds {count} files at most."),
    gettext_noop("A project holds {size} MB at most."),
    gettext_noop("The history of {project} is larger than {size} MB."),
    gettext_noop("There is a .git in the project, which git must not find. Remove it first."),
    gettext_noop("This project has no remote."),
    gettext_noop("This address is not among CLAW_GIT_REMOTES."),
    gettext_noop("This is no address of a repository."),
    gettext_noop("An address begins with ssh:// or https:// and a host, or is git@host:path."),
    gettext_noop("An address holds no password, no ? and no #. Enter a token in its own field."),
    gettext_noop("An https address holds no user name. Enter it in its own field."),
    gettext_noop("There is no type of project {quoted}. There are: {told}."),
    # steps of runbooks
    gettext_noop("Its process died in the middle. It may have happened or not, so it is not done again."),
    gettext_noop("The plan of this run was changed after it began, so it is not run."),
    gettext_noop("It did not end within {seconds} seconds and was ended by force."),
    gettext_noop("It ended with the code {code}: {told}."),
    gettext_noop("It ended with the code {code}."),
    gettext_noop("It ended with the signal {number}: {told}."),
    gettext_noop("It ended with the signal {number}."),
    gettext_noop("{program} did not end within {seconds} seconds."),
    gettext_noop("{program} used too much and was ended: {resource}."),
    gettext_noop("{program} ended with the code {code}: {told}"),
    gettext_noop("{program} ended with the code {code}."),
    gettext_noop("Its output does not hold {text}."),
    gettext_noop("The answer does not hold {text}."),
    gettext_noop("There is no such series."),
    gettext_noop("The value is {value}, not {condition}."),
    gettext_noop("There is no monitored system named {name}."),
    gettext_noop("There is no stored secret named {name}."),
    gettext_noop("The system {name} has no address of its own."),
    gettext_noop("What was asked for is not what would run now."),
    gettext_noop("It was waited for in vain. {why}"),
    # commands of projects
    gettext_noop("Nothing would change: the files say so already."),
    gettext_noop("This change is not approved."),
    gettext_noop("It takes {count} maintainers to agree; {project} has {number} who may."),
    gettext_noop("{path} is too large to be changed by a command."),
    gettext_noop("A command changes plain files only."),
    gettext_noop("{number} lines of {path} start with “{text}”; there must be one."),
    # files of projects
    gettext_noop("The path must be relative, without empty parts, '.' or '..'."),
    gettext_noop("This path does not lead to a plain file here."),
    gettext_noop("Git's own files are not touched."),
    gettext_noop("A name holds no line breaks and no other control characters."),
    gettext_noop("More than {size} MB are new at once, which is too much to be looked through for secrets."),
    gettext_noop("Files that hold keys or passwords are not read out."),
    gettext_noop("Links are not followed."),
    gettext_noop("There is no {quoted}."),
    gettext_noop("There is no file {quoted}."),
    gettext_noop("There is no folder {quoted}."),
    gettext_noop("A folder of more than {count} files is not sent."),
    gettext_noop("These files do not wait any more. Send them again."),
    gettext_noop("{name} is a program. Programs are not taken from a chat."),
    gettext_noop("{name} is named like a file that holds keys, and is not taken into a repository."),
    gettext_noop("{name} holds a key or a password, and is not taken into a repository."),
    gettext_noop("The file is larger than {size} MB."),
    gettext_noop("It is larger than what can be sent ({size} MB)."),
    gettext_noop("The archive is broken, or of a kind that cannot be unpacked."),
    gettext_noop("The archive holds a name twice."),
    gettext_noop("The archive holds links or what is encrypted."),
    gettext_noop("The archive holds links, devices or what is no plain file."),
    gettext_noop("The archive holds more than {count} names."),
    gettext_noop("The archive holds more than may be unpacked."),
    gettext_noop("This is no archive that can be unpacked: zip, tar, tar.gz, tar.bz2 or tar.xz."),
    # backups
    gettext_noop("Another backup is being made on this machine."),
    gettext_noop("The backup cannot be encrypted: {told}."),
    gettext_noop("The database cannot be copied: {told}."),
    gettext_noop(
        "{name} cannot be written: {told}. Let the user of this service write there (under systemd by "
        "ReadWritePaths= in its unit, too), or set CLAW_BACKUP_DIR to another folder."
    ),
    gettext_noop("{name} cannot be written: {told}."),
    gettext_noop("{name} cannot be read: {told}."),
    gettext_noop("{name} cannot be listed: {why}"),
    gettext_noop("{file} in {name} cannot be read. If the backups there belong to this installation, remove it."),
    gettext_noop(
        "{name} keeps the backups of another installation (on {told} since {time}). Give this one a place of its own "
        "with CLAW_BACKUP_DIR or CLAW_BACKUP_S3. If that installation is gone, remove {file} there."
    ),
    gettext_noop(
        "{name} has {free} MiB free, and a backup needs about {size} MiB there while it is packed and restored for its "
        "check. Make room, or set CLAW_BACKUP_DIR to another disk."
    ),
    gettext_noop("it is not there, or there is no such bucket."),
    gettext_noop("the keys may not do this."),
    gettext_noop("the keys are not known there."),
    gettext_noop("the service does not answer as it should."),
    gettext_noop("{name} became shorter while it was read."),
    gettext_noop("{name} gives back something else than it was given."),
    # services that fail or are left alone
    gettext_noop("{name} failed often and is left alone for a moment: {why}"),
    gettext_noop("Asking it failed (error {id})."),
    gettext_noop("There was no answer within {seconds} seconds."),
    gettext_noop("Redis does not answer ({error})."),
    gettext_noop("The collector takes no traces."),
    gettext_noop("{host} does not take mail ({told})."),
    gettext_noop("The account does not work: {reason}"),
    gettext_noop("The bot token has the wrong form. Copy it again from @BotFather."),
    gettext_noop("Telegram does not accept the bot token. Copy it again from @BotFather."),
    gettext_noop("The model cannot be used: {reason}"),
    gettext_noop("The model does not answer: {reason}"),
    gettext_noop("The account of this key has no money left."),
    gettext_noop("The answer broke off."),
    gettext_noop("{model} has a wrong address or key."),
    gettext_noop("{model} has sent nothing for {seconds} seconds."),
    gettext_noop("{model} answered {status}."),
    gettext_noop("{model} answered {status} {error}."),
)
_FIELD = re.compile(r"\\\{(\w+)\\\}")
# What programs use too much of (guardrails.usage).
RESOURCES = (gettext_noop("memory"), gettext_noop("disk"), gettext_noop("tasks"))
# Values that are reasons themselves.
_REASONS = frozenset({"why", "reason"})
# Values that are texts; all others are one word, so that no sentence takes what stands before it for its own.
_QUOTED = r"'[^']+'|\"[^\"]+\""
_TEXTS = frozenset({"told", "text", "value", "condition", "name"} | _REASONS)


def say_reason(text: str) -> str:
    """Return a reason in the active language. Of "Step: reason" the step's title stays as it is."""
    found = recognize(text)
    if found is None:
        return text
    head, sentence, values = found
    for field in _REASONS & values.keys():
        values[field] = say_reason(values[field])
    resource = values.get("resource")
    if resource in RESOURCES:
        values["resource"] = _(resource)
    return head + _(sentence).format(**values)


def recognize(text: str) -> tuple[str, str, dict[str, str]] | None:
    """Return what stands before a sentence that is known, the sentence, and the values in it; None for another text."""
    for head, reason in _readings(text):
        for sentence in SENTENCES:
            if found := _pattern(sentence).fullmatch(reason):
                return head, sentence, found.groupdict()
    return None


def _readings(text: str) -> Iterator[tuple[str, str]]:
    """Give a text as a whole, then without each beginning that a colon ends."""
    yield "", text
    for colon in re.finditer(": ", text):
        yield text[: colon.end()], text[colon.end() :]


@cache
def _pattern(sentence: str) -> re.Pattern[str]:
    def field(name: re.Match[str]) -> str:
        value = _QUOTED if name[1] == "quoted" else r".+?" if name[1] in _TEXTS else r"\S+"
        return f"(?P<{name[1]}>{value})"

    return re.compile(_FIELD.sub(field, re.escape(sentence)), re.DOTALL)
