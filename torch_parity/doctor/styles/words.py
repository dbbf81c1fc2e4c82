"""What people call arguments."""

# What arguments are called, in small letters.  The first word of each line is the role.
IMAGE = "input inputs x xs inp image images img imgs i a a_prev data z features fmap feature_map arr array"
WEIGHT = "weight weights w k kernel kernels filter filters filt f theta"
BIAS = "bias biases b"
STEPS = ("stride strides s step", "padding pad p zero_padding", "dilation d dilations")
UPSTREAM = (
    "grad_output grad_out grad_outputs dout d_out dy dz dl_dy dl_dout dldy dldz dl_dz upstream g grad gradient delta "
    "dvalues grad_y gy output_gradient output_grad out_grad top_grad d_l_d_out dl_da dlda d_output dloss dl grads dh "
    "error da upstream_grad upstream_gradient grad_z output_gradients eta_l d_y"
)
WINDOW = (
    "kernel_size kernel k size pool_size ksize f window window_size pool filter_size kernelsize",
    "kernel_height kh pool_h pool_height kernel_h",
    "kernel_width kw pool_w pool_width kernel_w",
)
SHAPE = "input_shape x_shape shape in_shape original_shape input_size"
DIM = "dim axis"
SCORES = (
    "input logits scores x z inputs y_pred yhat y_hat pred preds predictions prediction probs p output outputs out a"
)
TARGET = "target targets t y y_true labels label true classes ys one_hot onehot y_onehot gt"
LOSS = ("weight weights class_weight", "ignore_index", "reduction reduce", "label_smoothing smoothing eps epsilon")
RATE = "lr learning_rate learn_rate learningrate l_rate lrate eta alpha rate step_size"
# Of normalisation, dropout and the optimizers.
SCALE = ("weight gamma w scale gain g", "bias beta b shift offset")
RUNNING = (
    "running_mean moving_mean run_mean mean_running mov_mean moving_mu running_mu moving_avg running_average",
    "running_var moving_var run_var running_variance moving_variance mov_var var_running",
)
EPS = "eps epsilon eps_"
TRAINING = "training train is_training is_train train_mode train_flg train_flag istrain training_mode mode"
MOMENTUM = "momentum mom decay momentum_ alpha"
DROPPED = (
    "p drop_prob dropout_rate drop_rate rate dropout_prob drop prob drop_p dropout_p dropout_ratio ratio p_drop "
    "dropout probability",
    "keep_prob keep p_keep keep_rate retain_prob keep_p keep_probability",
)
MASK = "mask m keep_mask masks dropout_mask d"
ACTIVATED = "output out y a s outputs sigmoid_output tanh_output activated activation activations sigmoid tanh cache"
PARAMETER = "parameter params parameters param p w weight weights k theta x"
GRADIENT = "grad grads g dw dk gradient gradients grad_k dx dp grad_w d_w"
# The mean of the squares, and that of the gradients.
SQUARES = "v exp_avg_sq second_moment v_t vt s cache square_avg sq_avg squares r state vw v_w sdw s_dw cache_w"
MEANS = "m exp_avg first_moment m_t mt mw m_w vdw v_dw"
STEP = "t step steps step_count iteration iter it time_step timestep n"
BETAS = ("betas", "beta1 beta_1 b1", "beta2 beta_2 b2")
LONGEST = "max_norm threshold clip_value max_grad_norm clip theta limit maxnorm clip_norm max_value max_length"
