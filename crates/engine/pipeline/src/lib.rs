//! Runs a Vector configuration folder: sources, VRL transforms, sinks, acknowledged end to end.
