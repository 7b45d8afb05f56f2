"""Engines: a `RenderRequest` in, a `RenderedArtifact` out; that in, an `ApplyResult` out."""
