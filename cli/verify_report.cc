#include "cli/verify_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/human.h"
#include "cli/json.h"

namespace qchain::cli {
namespace {

using Json = nlohmann::ordered_json;

void add_difference(Json& json, const Comparison& comparison) {
  json["different"] = comparison.different;
  if (comparison.first_difference) {
    json["first-difference"] = {{"start", comparison.first_difference->start},
                                {"length", comparison.first_difference->length}};
  }
}

std::string difference_text(const Comparison& comparison) {
  return fmt::format("{} bytes in all, the first {} at byte {}", comparison.different,
                     comparison.first_difference->length, comparison.first_difference->start);
}

std::string sha256_text(const DiskDigest& digest) {
  return fmt::format("SHA-256 {} of {} bytes\n", digest.sha256, digest.size);
}

void print_digest_check(const std::string& base, const CommitCheck& check, OutputStyle style, std::ostream& out) {
  const bool located = check.comparison.first_difference.has_value();
  if (style == OutputStyle::json) {
    Json json = {{"target", base}, {"same", check.digest_agrees}, {"by", "digest"}};
    if (located || check.digest_agrees) {
      add_difference(json, check.comparison);
    }
    json["compared"] = check.comparison.compared;
    print_json(out, json);
    return;
  }
  out << fmt::format(
      "{}: {}{}\n", printable(base),
      check.digest_agrees ? "same: reads as what was merged (by digest)" : "differs from what was merged (by digest)",
      located ? ": " + difference_text(check.comparison) : std::string());
}

Json whole_json(const std::string& base, const CommitCheck& check) {
  Json json = {{"target", base},
               {"same", check.digest_agrees},
               {"by", "whole"},
               {"size", check.whole->view.size + check.whole->tail.size},
               {"before-first-write", check.whole->before_first_write}};
  if (!check.whole->view.sha256.empty()) {
    json["sha256"] = check.whole->view.sha256;
  }
  if (check.comparison.first_difference) {
    add_difference(json, check.comparison);
  }
  return json;
}

/// Where it differs, as far as that can be told.
std::string whole_difference_text(const CommitCheck& check) {
  if (check.comparison.first_difference) {
    return difference_text(check.comparison);
  }
  return check.difference.in_view ? "in bytes that no merged layer holds or can tell"
                                  : fmt::format("behind the view's end, byte {}", check.whole->view.size);
}

void print_whole_check(const std::string& base, const CommitCheck& check, OutputStyle style, std::ostream& out) {
  if (style == OutputStyle::json) {
    print_json(out, whole_json(base, check));
    return;
  }
  const char* const when = check.whole->before_first_write ? "before the first write" : "when the commit went on";
  if (!check.digest_agrees) {
    out << fmt::format("{}: differs from what was read {}: {}\n", printable(base), when, whole_difference_text(check));
    return;
  }
  out << fmt::format("{}: same: all {} read back as they were read {}\n", printable(base),
                     size_text(check.whole->view.size + check.whole->tail.size), when);
  if (!check.whole->view.sha256.empty()) {
    out << sha256_text(check.whole->view);
  }
}

}  // namespace

void print_comparison(const std::string& target, const Comparison& comparison, const std::optional<DiskDigest>& digest,
                      OutputStyle style, std::ostream& out) {
  if (style == OutputStyle::json) {
    Json json = {{"target", target}, {"same", comparison.same()}};
    add_difference(json, comparison);
    json["compared"] = comparison.compared;
    if (digest) {
      json["sha256"] = digest->sha256;
    }
    print_json(out, json);
    return;
  }
  out << fmt::format("{}: {}\n", printable(target),
                     comparison.same()
                         ? fmt::format("same ({} compared, the rest needed no reading)", size_text(comparison.compared))
                         : "differs: " + difference_text(comparison));
  if (digest) {
    out << sha256_text(*digest);
  }
}

void print_digest(const std::string& image, const DiskDigest& digest, OutputStyle style, std::ostream& out) {
  if (style == OutputStyle::json) {
    print_json(out, {{"image", image}, {"size", digest.size}, {"sha256", digest.sha256}});
    return;
  }
  out << sha256_text(digest);
}

void print_check(const std::string& base, const CommitCheck& check, OutputStyle style, std::ostream& out) {
  switch (check.by) {
    case CheckedBy::layers:
      print_comparison(base, check.comparison, std::nullopt, style, out);
      break;
    case CheckedBy::digest:
      print_digest_check(base, check, style, out);
      break;
    case CheckedBy::whole:
      print_whole_check(base, check, style, out);
      break;
  }
}

}  // namespace qchain::cli
