"""Git repositories, through the program `git`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

__all__ = ["Git"]


class Git:
    """The repository in a folder: the project's, if none is given."""

    def __init__(self, path: Path | str | None = None):
        from pathlib import Path

        from resilmesh._project import get_project_dir

        self.path = Path(path) if path else get_project_dir()

    def init(self, remote: str | None = None) -> None:
        """Makes a repository; with `remote`, one that follows that."""
        self._git("init", "--quiet")
        if remote:
            if "origin" in self._git("remote").split():
                self.remove_remote("origin")
            self.add_remote("origin", remote)
            if self._git("ls-remote", "--heads", "origin"):
                self.pull()

    def status(self) -> str:
        """What has changed, in words."""
        return self._git("status")

    def branch(self, branch: str) -> None:
        """Goes to a branch."""
        self._git("checkout", "--quiet", branch, "--")

    def pull(self, url: str | None = None) -> None:
        """Brings the newest state; with `url`, by cloning it if there is no repository yet."""
        if (self.path / ".git").exists():
            branch = self._try("symbolic-ref", "--quiet", "--short", "HEAD")
            if branch and self._try("rev-parse", "--abbrev-ref", "@{upstream}") is None:
                self._git("pull", "--quiet", "origin", branch)
            else:
                self._git("pull", "--quiet")
        elif url:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._run(["clone", "--quiet", "--", url, str(self.path.resolve())], self.path.parent)
        else:
            raise RuntimeError(f"{self.path} is no git repository, and no URL to clone was given")

    def add(self, path: Path | str) -> None:
        """Takes a path into the next commit."""
        self._git("add", "--", str(path))

    def commit(self, msg: str) -> None:
        """Commits what was added."""
        self._git("commit", "--quiet", "-m", msg)

    def push(
        self,
        autocommit: bool = True,
        path: Path | str = ".",
        commit_msg: str | None = None,
        remote: str | None = None,
        force: bool = False,
    ) -> bool:
        """Pushes the branch, with `autocommit` after a commit of what has changed below `path`.

        True if something was committed.
        """
        changed = self._changed(path) if autocommit else []
        if changed:
            more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
            self.add(path)
            self.commit(commit_msg or f"Update {', '.join(changed[:3])}{more}")
        branch = self.get_branch()
        target = remote or self._try("config", f"branch.{branch}.remote") or "origin"
        self._git("push", "--quiet", *(["--force"] if force else []), "--", target, branch)
        return bool(changed)

    def get_updated_files(self, depth: int = 1) -> list[str]:
        """What has changed since the last commit, as paths of at most so many parts."""
        return sorted({"/".join(path.split("/")[:depth]) for path in self._changed(".")})

    def _changed(self, path: Path | str) -> list[str]:
        """Changed and new files below a path."""
        listing = self._git("status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--", str(path))
        return sorted(entry[3:] for entry in listing.split("\0") if entry)

    def get_remote(self, scheme: str | None = None) -> str:
        """The URL of `origin`; with "https", the ssh form is rewritten."""
        import re

        url = self._try("remote", "get-url", "origin")
        if not url:
            raise RuntimeError(f"the repository {self.path} has no remote: git remote add origin URL")
        if scheme == "https":
            url = re.sub(r"^(?:ssh://)?git@([^:/]+)[:/](.+?)(?:\.git)?$", r"https://\1/\2", url)
        return url

    def get_branch(self) -> str:
        """The name of the branch."""
        return self._try("symbolic-ref", "--quiet", "--short", "HEAD") or self._git("rev-parse", "--abbrev-ref", "HEAD")

    def create_branch(self, name: str) -> None:
        """Makes a branch, and goes to it."""
        self._git("checkout", "--quiet", "-b", name)

    def is_private(self, url: str) -> bool:
        """Whether a repository cannot be read by everybody."""
        import re

        url = re.sub(r"^(?:ssh://)?git@([^:/]+)[:/]", r"https://\1/", url)
        return self._try("-c", "credential.helper=", "ls-remote", "--heads", "--", url) is None

    def copy_branch(self, src_branch: str, dst_repo: str, dst_branch: str) -> None:
        """Pushes a branch under another name to another repository."""
        if ":" in src_branch + dst_branch:
            raise ValueError("a branch's name has no colon")
        self._git("push", "--quiet", "--", dst_repo, f"{src_branch}:refs/heads/{dst_branch}")

    def add_remote(self, name: str, url: str) -> None:
        """Names a remote repository."""
        self._git("remote", "add", "--", name, url)

    def remove_remote(self, name: str) -> None:
        """Forgets a remote repository."""
        self._git("remote", "remove", "--", name)

    def _try(self, *arguments: str) -> str | None:
        try:
            return self._git(*arguments)
        except RuntimeError:
            return None

    def _git(self, *arguments: str) -> str:
        return self._run(list(arguments), self.path)

    @staticmethod
    def _run(arguments: list[str], folder: Any) -> str:
        """What git prints. It asks nobody: a password that it lacks is an error."""
        import os
        import subprocess

        folder.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
        try:
            done = subprocess.run(
                ["git", *arguments],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
            )
        except FileNotFoundError:
            raise RuntimeError("the program git was not found") from None
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()
            raise RuntimeError(f"git {arguments[0]} in {folder}: {said or f'status {done.returncode}'}")
        return done.stdout.strip("\n")
