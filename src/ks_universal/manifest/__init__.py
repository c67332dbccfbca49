"""Objects to text: YAML that every reader reads alike, JSON, and the flavours plain, Helm hooks and Argo CD."""
