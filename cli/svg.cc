#include "cli/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <ostream>

#include "cli/human.h"

namespace qchain::cli {
namespace {

constexpr double plot_width = 1200;
constexpr double margin = 20;
constexpr double header_height = 84;
constexpr double rows_height = 3000;  ///< that many pixels are shared by the rows of a long chain
constexpr double character = 7;       ///< width of one at the size used for labels
constexpr std::size_t longest_label = 48;

/// Bytes that XML or UTF-8 forbid become '?', the rest is escaped.
std::string xml_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      default:
        out += c >= 0x20 && c < 0x7f ? c : '?';
    }
  }
  return out;
}

std::string shortened(const std::string& label) {
  return label.size() <= longest_label ? label : "..." + label.substr(label.size() - longest_label + 3);
}

class Drawing {
 public:
  Drawing(std::ostream& out, const Picture& picture) : out_(out), picture_(picture) {
    const double count = static_cast<double>(std::max<std::size_t>(picture.rows.size(), 1));
    row_height_ = std::clamp(rows_height / count, 2.0, 22.0);
    std::size_t longest = 0;
    for (const PictureRow& row : picture.rows) {
      longest = std::max(longest, shortened(row.label).size());
    }
    left_ = margin + 24 + static_cast<double>(longest) * character;
  }

  void draw() {
    const double last = row_top(picture_.rows.size() - 1) + row_height_;
    const double height = last + 50;
    put(R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0:.0f}" height="{1:.0f}" viewBox="0 0 {0:.0f} {1:.0f}" )"
        R"(font-family="sans-serif" font-size="12" fill="#222">)",
        left_ + plot_width + margin + 30, height);
    put(R"(<rect width="100%" height="100%" fill="#fff"/>)");
    text(margin, 28, R"(font-size="16" font-weight="bold")", picture_.title);
    draw_legend();
    for (std::size_t i = 0; i < picture_.rows.size(); ++i) {
      draw_row(i);
    }
    draw_axis(last + 6);
    put("</svg>");
  }

 private:
  template <typename... Args>
  void put(fmt::format_string<Args...> form, Args&&... args) {
    out_ << fmt::format(form, std::forward<Args>(args)...) << '\n';
  }

  void text(double x, double y, const char* attributes, const std::string& words) {
    put(R"(<text x="{:.1f}" y="{:.1f}" {}>{}</text>)", x, y, attributes, xml_text(words));
  }

  /// The last row is set apart by a gap.
  [[nodiscard]] double row_top(std::size_t row) const {
    return header_height + static_cast<double>(row) * row_height_ + (row + 1 == picture_.rows.size() ? 12 : 0);
  }

  void square(double x, double y, std::uint16_t swatch) {
    put(R"(<rect x="{:.1f}" y="{:.1f}" width="10" height="10" fill="{}"/>)", x, y, picture_.swatches[swatch].color);
  }

  void draw_legend() {
    double x = margin;
    for (std::size_t i = 0; i < picture_.swatches.size(); ++i) {
      const std::string& label = picture_.swatches[i].label;
      if (!label.empty()) {
        square(x, 46, static_cast<std::uint16_t>(i));
        text(x + 15, 55, "", label);
        x += 40 + static_cast<double>(label.size()) * character;
      }
    }
  }

  void draw_row(std::size_t index) {
    const PictureRow& row = picture_.rows[index];
    const double top = row_top(index);
    const double height = row_height_ > 6 ? row_height_ - 3 : row_height_;
    // Thin rows cannot all have a label: about one in twelve pixels has.
    const auto step = static_cast<std::size_t>(std::max(1.0, 12 / row_height_));
    if (index % step == 0 || index + 1 == picture_.rows.size()) {
      const double middle = top + height / 2;
      text(margin + 18, middle + 4, R"(font-family="monospace" font-size="11")", shortened(row.label));
      if (row.swatch != 0) {
        square(margin, middle - 5, row.swatch);
      }
    }
    put(R"(<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}"/>)", left_, top,
        plot_width * row.extent, height, picture_.swatches[0].color);
    draw_cells(row, top, height);
  }

  /// One path a colour: a bar for each run of equal cells.
  void draw_cells(const PictureRow& row, double top, double height) {
    std::map<std::uint16_t, std::string> paths;
    const double cell = row.cells.empty() ? 0 : plot_width / static_cast<double>(row.cells.size());
    for (std::size_t from = 0; from < row.cells.size();) {
      const std::uint16_t swatch = row.cells[from];
      std::size_t to = from;
      while (to < row.cells.size() && row.cells[to] == swatch) {
        ++to;
      }
      if (swatch != 0) {
        const double width = static_cast<double>(to - from) * cell;
        paths[swatch] += fmt::format("M{:.5g} {:.5g}h{:.4g}v{:.4g}h-{:.4g}z", left_ + static_cast<double>(from) * cell,
                                     top, width, height, width);
      }
      from = to;
    }
    for (const auto& [swatch, path] : paths) {
      put(R"(<path fill="{}" d="{}"/>)", picture_.swatches[swatch].color, path);
    }
  }

  void draw_axis(double top) {
    // A power of two that gives four to eight steps, in whole KiB.
    std::uint64_t step = 1024;
    while (picture_.size / step > 8) {
      step *= 2;
    }
    for (std::uint64_t at = 0; at <= picture_.size; at += step) {
      const double share = picture_.size == 0 ? 0 : static_cast<double>(at) / static_cast<double>(picture_.size);
      const double x = left_ + plot_width * share;
      put(R"(<path stroke="#888" d="M{:.1f} {:.1f}v5"/>)", x, top);
      text(x, top + 18, R"(text-anchor="middle")", at == 0 ? "0" : size_text(at));
    }
    put(R"(<path stroke="#888" d="M{:.1f} {:.1f}h{:.1f}"/>)", left_, top, plot_width);
    text(left_ + plot_width / 2, top + 34, R"(text-anchor="middle" fill="#666")", "offset in the guest's disk");
  }

  std::ostream& out_;
  const Picture& picture_;
  double row_height_ = 0;
  double left_ = 0;
};

}  // namespace

void write_svg(std::ostream& out, const Picture& picture) {
  Drawing(out, picture).draw();
}

}  // namespace qchain::cli
