"""What only this paper's study needs: its pairs, comparisons, controls and claims; nothing of pages and their runs."""
