"""Files from templates."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Mapping

__all__ = ["generate_files_from_template"]


def generate_files_from_template(
    template_dir: Path | str,
    dst_dir: Path | str,
    placeholders: Mapping[str, object] | None = None,
    overwrite_files: bool = False,
    overwrite_empty_files: bool = True,
) -> None:
    """Copies a folder; in texts each key of `placeholders` becomes its value.

    Existing files are kept, unless `overwrite_files`; then those that have content are overwritten
    only with `overwrite_empty_files`. Pictures (`.png`) are copied as they are, other files that are
    no text are left out.
    """
    from pathlib import Path
    from shutil import copyfile

    template_dir, dst_dir = Path(template_dir), Path(dst_dir)
    if not template_dir.is_dir():
        raise ValueError(f"there is no template {template_dir}")
    dst_dir.mkdir(parents=True, exist_ok=True)
    for source in sorted(template_dir.rglob("*")):
        target = dst_dir / source.relative_to(template_dir)
        if source.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        elif source.is_file() and _may_write(target, overwrite_files, overwrite_empty_files):
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.suffix == ".png":
                copyfile(source, target)
                continue
            try:
                text = source.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
            for key, value in (placeholders or {}).items():
                text = text.replace(key, str(value))
            target.write_text(text, encoding="utf-8")


def _may_write(target: Path, overwrite_files: bool, overwrite_empty_files: bool) -> bool:
    if not target.exists():
        return True
    return overwrite_files and (overwrite_empty_files or target.stat().st_size == 0)
