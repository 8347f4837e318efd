#pragma once

#include <optional>
#include <string>
#include <vector>

#include "qcow/commit/commit.h"
#include "qcow/commit/record.h"

namespace qchain {

/// A record, and where it lies.
struct FoundRecord {
  std::string anchor;  ///< the path beside which it lies, as FileRecordStore takes it
  CommitRecord record;
};

/// The record that a user names by its base, or by its own file (BASE.qchain.json): for a base on a block device,
/// beside which no files are kept, that is the way. Errors: refused (there is none), and those of
/// FileRecordStore::load().
[[nodiscard]] Result<FoundRecord> find_record(const std::string& named);

/// The same, or by any image above the base: the record of a commit into the highest base of its chain that has one.
/// The chain is opened through `gate`.
[[nodiscard]] Result<FoundRecord> find_record_in_chain(const std::string& named, Gate& gate);

/// The record of a commit into the chain's layer `base`, if there is one that can be read.
[[nodiscard]] std::optional<FoundRecord> record_of_layer(const Chain& chain, std::size_t base);

/// Where the image of the request is no longer there: the finished commit of the same words whose merged layers, the
/// image with them, were being deleted. Looks at the records in the folders of the image and the base, and in
/// `folders`.
[[nodiscard]] std::optional<CommitReport> find_cut_off_deletion(const CommitRequest& request,
                                                                std::vector<std::string> folders);

}  // namespace qchain
