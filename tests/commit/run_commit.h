#pragma once

#include <functional>
#include <string>

#include "qcow/commit/commit.h"

namespace qchain::test {

/// A commit request as a user would say it.
[[nodiscard]] CommitRequest request_for(const std::string& image, const std::string& base = {},
                                        const std::string& top = {});

/// Commits on real files with real locks, as the command does.
[[nodiscard]] Result<CommitReport> run_commit(const CommitRequest& request, const std::stop_token& stop = {});
/// The same, stopped as soon as it is noted as begun: nothing is moved yet.
[[nodiscard]] Result<CommitReport> run_commit_until_begun(const CommitRequest& request);
/// The same, stopped as soon as `bytes` are moved.
[[nodiscard]] Result<CommitReport> run_commit_until(const CommitRequest& request, std::uint64_t bytes);
[[nodiscard]] Result<CommitPlan> run_plan(const CommitRequest& request);

/// The record beside `base`; throws std::runtime_error where there is none.
[[nodiscard]] CommitRecord record_of(const std::string& base);

}  // namespace qchain::test
