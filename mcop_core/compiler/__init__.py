"""The compiler: a manifest and the catalog it pins in, a `DeploymentPlan` out; pure."""
