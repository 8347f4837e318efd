#pragma once

#include <iosfwd>
#include <vector>

#include "cli/options.h"
#include "live/live_commit.h"

/// What the commands say of running guests.
namespace qchain::cli {

void print_live_commit(const live::LiveRequest& request, const live::LiveReport& report, OutputStyle style,
                       std::ostream& out);
void print_live_plan(const live::LivePlan& plan, OutputStyle style, std::ostream& out);
void print_disks(const std::vector<live::Disk>& disks, OutputStyle style, std::ostream& out);

}  // namespace qchain::cli
