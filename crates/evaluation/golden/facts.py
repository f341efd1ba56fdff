#!/usr/bin/env python3
"""Computes the facts of the golden profiles, from the definitions in the product's documentation and not from its code.

    python3 crates/evaluation/golden/facts.py

writes facts.json. The product's own facts are compared with it (`cargo xtask eval`), so the two programs must stay apart: never copy
a change of one into the other without asking which of them is right.
"""
import json
import math
import pathlib

HERE = pathlib.Path(__file__).parent
DAYS_A_WEEK = 7.0


def median(values):
    values = sorted(values)
    if not values:
        return None
    middle = len(values) // 2
    return float(values[middle]) if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def audience(followers):
    for below, name in [(1_000, "starter"), (10_000, "nano"), (100_000, "micro"), (1_000_000, "macro")]:
        if followers < below:
            return name
    return "mega"


def facts(entry):
    profile, posts = entry["profile"], entry["posts"]
    followers = profile["followers"]
    own = [p for p in posts if not p.get("pinned") and not p.get("anothers")]
    counted = [p for p in own if p["likes"] is not None and p["comments"] is not None]
    middle = median([p["likes"] + p["comments"] for p in counted])
    rate = None if middle is None or followers == 0 else 100 * middle / followers
    views = median([p["views"] for p in own if p.get("views") is not None])
    dated = sorted(p["days_ago"] for p in posts if p["days_ago"] is not None and not p.get("pinned"))
    weekly = None
    if len(dated) > 1:
        # Several posts within a day are one burst.
        weekly = (len(dated) - 1) / max((dated[-1] - dated[0]) / DAYS_A_WEEK, 1 / DAYS_A_WEEK)
    # A pinned post is activity too.
    every = [p["days_ago"] for p in posts if p["days_ago"] is not None]
    comments = None
    if counted:
        likes = sum(p["likes"] for p in counted) / len(counted)
        if likes >= 50:
            comments = 100 * (sum(p["comments"] for p in counted) / len(counted)) / likes
    return {
        "engagement_rate_percent": rate,
        "engagement_posts": len(counted) if rate is not None else 0,
        "video_views": views,
        "posts_per_week": weekly,
        "days_since_last_post": math.floor(min(every)) if every else None,
        "audience": audience(followers),
        "following_per_follower": profile["following"] / followers if followers else None,
        "comments_per_hundred_likes": comments,
    }


def main():
    found = {}
    for path in sorted((HERE / "profiles").glob("*.json")):
        for entry in json.loads(path.read_text(encoding="utf-8")):
            found[entry["key"]] = facts(entry)
    (HERE / "facts.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
