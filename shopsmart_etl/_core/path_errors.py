"""Describe what a file system refuses about a path, from the text of an error. Needs no Spark session."""

from __future__ import annotations

import re

# Such errors have no condition, so match the texts of Java and Hadoop after the exception's name. A path is truncated
# to the length that a local file system accepts for a name.
_EXCEPTION = r"(?:^\(?|(?<=[\]:)] ))(?:java|org\.apache\.hadoop)\.[\w.$]+(?::|\)) "
_JAR = "start it with the jar of the path's file system (spark.jars.packages)"
_REASONS = {
    r"(?:Destination exists and|Parent path) is not a directory: (.*)": "expected a folder; got the file {}",
    r"(?:Mkdirs failed to create|mkdir of) (.+?)(?: \(| failed|$)": (
        "cannot create the folder {}; check its name and your permissions"
    ),
    r"(?<=ClassNotFoundException: )Class (\S*FileSystem) not found": (
        f"this session has no class {{}}; {_JAR}, such as org.apache.hadoop:hadoop-aws for s3a://"
    ),
    r"native (zStandard) library not available": "this Spark has no {}; decompress the file, or use Spark 4",
    r"No FileSystem for scheme:? (\S+)": f"this session has no file system for the scheme {{}}; correct it, or {_JAR}",
    r"(?<=URISyntaxException: )(.*)": "expected a path; got {}",
}
_MAX_LENGTH = 255


def path_trouble(error: Exception) -> str | None:
    """Return what a file system refuses, and what to do; None for other errors."""
    text = str(error)
    found = ((re.search(_EXCEPTION + pattern, text, re.MULTILINE), why) for pattern, why in _REASONS.items())
    return next((why.format(match[1][:_MAX_LENGTH]) for match, why in found if match), None)
