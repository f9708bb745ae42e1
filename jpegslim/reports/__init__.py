"""What a run tells: console, JSON lines, tables."""
