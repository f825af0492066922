"""How well an SAE reconstructs and how its latents fire."""
